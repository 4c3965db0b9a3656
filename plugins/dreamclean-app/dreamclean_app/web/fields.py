"""Parts of an upload that are no files: Gradio's parser collects them in memory, as large as they are."""

_LARGEST = 100_000
"""Bytes; the page and its clients send none."""


def keep_fields_small() -> None:
    """Let Gradio's parser refuse larger ones, as Starlette's own does."""
    from gradio.route_utils import GradioMultiPartParser, MultiPartException

    if hasattr(GradioMultiPartParser, "unbounded"):
        return
    GradioMultiPartParser.unbounded = unbounded = GradioMultiPartParser.on_part_data

    def on_part_data(self: GradioMultiPartParser, data: bytes, start: int, end: int) -> None:
        part = self._current_part
        if part.file is None and len(part.data) + end - start > _LARGEST:
            raise MultiPartException(f"a field of more than {_LARGEST} bytes; upload files as files")
        unbounded(self, data, start, end)

    GradioMultiPartParser.on_part_data = on_part_data
