"""The component."""

{% include cookiecutter.kind + ".py" %}