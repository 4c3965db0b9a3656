"""
A degradation of your own
=========================

Every other line of the picture is missing. ``degrade`` says so in one line; the adjoint, the pseudo-inverse and the
noise-aware projection follow from it (:doc:`/docs/operators`).
"""

from panels import PHOTO, dice, panels

from dreamclean import LinearOperator, Restorer


class Interlace(LinearOperator):
    """Every other line is missing."""

    name = "interlace"

    def degrade(self, x):
        return x[..., ::2, :]


photo = PHOTO[:, :, 190:318, 60:188]
operator = Interlace(noise=0.02)
field = operator.measure(photo, dice())

# %%
# The field has half of the height. Its pseudo-inverse leaves the missing lines black. A restoration starts with what is
# around in their place: it finds out by itself which pixels the operator does not measure.

result = Restorer(operator=operator)(field)
panels(
    {
        "every other line": field,
        "pseudo-inverse": operator.pseudo_inverse(field),
        "restored": result.image,
        "photograph": photo,
    },
    reference=photo,
)
