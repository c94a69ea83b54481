import pytest


@pytest.fixture(autouse=True)
def _closed():
    """Figures of pyplot stay open until they are closed."""
    yield
    from matplotlib import pyplot

    pyplot.close("all")
