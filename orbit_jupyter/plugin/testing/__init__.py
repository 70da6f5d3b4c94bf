"""For the tests of plugins: a bridge, an endpoint and a client in memory, and what every plugin must do.

>>> from orbit_jupyter.plugin.testing import CONTRACT, star   # doctest: +SKIP
>>> def test_forecast():                                       # doctest: +SKIP
...     with star(Weather) as hpc:
...         assert hpc.weather.forecast("Jena") == "rain"
>>> @pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)  # doctest: +SKIP
... def test_contract(check):
...     check(Weather)

It stands above everything else of Orbit, so nothing else of Orbit imports it.
"""

from .contract import CONTRACT, Check
from .star import Star, StarClient, star

__all__ = ["CONTRACT", "Check", "Star", "StarClient", "star"]
