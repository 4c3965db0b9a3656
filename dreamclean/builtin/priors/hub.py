"""Models on the Hugging Face hub: whether one is available, and if not, why."""

from collections.abc import Sequence
from typing import Any

from dreamclean.contracts.errors import DreamCleanError


def hub_options(model: str, revision: str | None, files: Sequence[str]) -> dict[str, Any]:
    """What to load the hub id ``model`` with: nothing where the hub answers, else from the cache alone.

    The libraries that load models ask for every file anew, retry each for half a minute where there is no
    network, and then say that the file does not exist. This asks once, for the first of ``files``.

    Raises:
        DreamCleanError: the model is not there, is not open to this user, or cannot be reached while none of
            ``files`` is in the cache.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = any(isinstance(try_to_load_from_cache(model, name, revision=revision), str) for name in files)
    except HFValidationError:
        raise DreamCleanError(f"there is no folder '{model}', and no hub id looks like it") from None
    cause = _cause(model, revision, files[0])
    if not cause:
        return {}
    if cached:
        return {"local_files_only": True}
    raise DreamCleanError(
        f"hub model '{model}' is not available: {cause}; it is not in the cache either, and there is no local folder of this name"
    )


def _cause(model: str, revision: str | None, file: str) -> str:
    """Why the hub does not give the model, asked for one ``file``; empty if it does. DreamCleanError for an unknown revision."""
    from huggingface_hub import constants, errors, get_hf_file_metadata, hf_hub_url

    try:
        if constants.HF_HUB_OFFLINE:
            raise errors.OfflineModeIsEnabled("HF_HUB_OFFLINE is set")
        get_hf_file_metadata(hf_hub_url(model, file, revision=revision), timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except errors.EntryNotFoundError:
        return ""
    except errors.GatedRepoError:
        return "it is gated: accept its terms on its page there and log in (hf auth login)"
    except errors.RepositoryNotFoundError:
        return "there is none of this name, or it is private: check the name, or log in (hf auth login)"
    except errors.RevisionNotFoundError:
        raise DreamCleanError(f"hub model '{model}' has no revision '{revision}'") from None
    except Exception as error:  # each version of the hub's library has a network library of its own
        return f"{constants.ENDPOINT} cannot be reached ({' '.join(str(error).split())[:200]})"
    return ""
