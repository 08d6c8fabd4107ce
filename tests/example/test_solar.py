"""The example's own solar model against pvlib, the reference implementation."""

from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pandas as pd
import pvlib
import pytest

from example_app.solar import HOUR
from example_app.solar import Place
from example_app.solar import Sample
from example_app.solar import Sun
from example_app.solar import clear_sky
from example_app.solar import erbs
from example_app.solar import haurwitz
from example_app.solar import sun_at

PLACES = [
    Place(48.21, 16.37),
    Place(-33.87, 151.21),
    Place(0.0, 0.0),
    Place(69.65, -18.96),
    Place(37.77, -122.42),
    Place(-77.85, 166.67),
]


def moments(year: int) -> list[datetime]:
    """Return every seventh hour of a year: all hours of the day and all seasons."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    return [start + timedelta(hours=hours) for hours in range(0, 8760, 7)]


def reference(place: Place, times: list[datetime]) -> pd.DataFrame:
    """Return the values of NREL's SPA, as pvlib computes it."""
    return pvlib.solarposition.get_solarposition(
        pd.DatetimeIndex(times), place.latitude, place.longitude
    )


def day_of(place: Place) -> list[Sample]:
    start = datetime(2026, 6, 21, tzinfo=UTC)
    return list(clear_sky(place, start, end=start + timedelta(days=1)))


@pytest.mark.parametrize("year", [2023, 2024, 2025])
@pytest.mark.parametrize("place", PLACES)
def test_zenith_is_within_half_a_degree(place: Place, year: int) -> None:
    times = moments(year)
    expected = reference(place, times)["zenith"]
    found = [sun_at(place, moment).zenith for moment in times]
    assert (expected - found).abs().max() < 0.5


@pytest.mark.parametrize("place", PLACES)
def test_azimuth_follows_the_sun(place: Place) -> None:
    times = moments(2026)
    expected = reference(place, times)
    found = pd.Series(
        [sun_at(place, moment).azimuth for moment in times], index=expected.index
    )
    apart = (found - expected["azimuth"] + 180) % 360 - 180
    # Straight overhead (and underfoot) a hair of zenith is half a turn of azimuth.
    clear = expected["zenith"].between(10, 170)
    assert apart[clear].abs().max() < 2


def test_haurwitz_equals_pvlib() -> None:
    zeniths = pd.Series([zenith / 4 for zenith in range(0, 4 * 181)])
    expected = pvlib.clearsky.haurwitz(zeniths)["ghi"]
    found = zeniths.map(haurwitz)
    pd.testing.assert_series_equal(found, expected, check_names=False, atol=1e-9)


def test_erbs_equals_pvlib() -> None:
    for zenith in range(0, 120, 3):
        for ghi in (0.0, 20.0, 300.0, 900.0, 1200.0):
            for day in (1, 172, 300):
                extra = float(pvlib.irradiance.get_extra_radiation(day))
                expected = pvlib.irradiance.erbs(ghi, zenith, day)
                found = erbs(ghi, Sun(zenith, 180.0, extra))
                assert found[0] == pytest.approx(float(expected["dni"]))
                assert found[1] == pytest.approx(float(expected["dhi"]))


def test_solar_strength_equals_pvlib() -> None:
    for day in range(1, 366):
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day - 1)
        expected = float(pvlib.irradiance.get_extra_radiation(day))
        assert sun_at(Place(0, 0), moment).irradiance == pytest.approx(expected)


def test_day_is_dark_at_night_and_bright_at_noon() -> None:
    samples = day_of(Place(48.21, 16.37))
    assert [sample.time.hour for sample in samples] == list(range(24))
    assert samples[0].ghi == samples[0].dni == samples[0].dhi == 0.0
    noon = samples[11]
    assert 850 < noon.ghi < 1000
    assert max(sample.ghi for sample in samples) in {noon.ghi, samples[10].ghi}


@pytest.mark.parametrize("place", PLACES)
def test_direct_and_diffuse_add_up_to_global(place: Place) -> None:
    for sample in day_of(place):
        horizontal = sample.ghi - sample.dhi
        assert horizontal >= 0
        assert 0 <= sample.dni < sample.sun.irradiance
        if horizontal == 0:
            assert sample.dni == 0


def test_values_are_of_the_middle_of_the_interval() -> None:
    place = Place(48.21, 16.37)
    start = datetime(2026, 3, 1, 6, tzinfo=UTC)
    (sample,) = clear_sky(place, start, end=start + HOUR)
    assert sample.time == start
    assert sample.sun == sun_at(place, start + timedelta(minutes=30))


def test_time_zone_does_not_move_the_sun() -> None:
    place = Place(48.21, 16.37)
    moment = datetime(2026, 3, 1, 6, tzinfo=UTC)
    elsewhere = pd.Timestamp(moment).tz_convert("Asia/Kathmandu").to_pydatetime()
    assert sun_at(place, elsewhere) == sun_at(place, moment)


@pytest.mark.parametrize("latitude", [90.0, -90.0])
def test_poles_have_values(latitude: float) -> None:
    samples = day_of(Place(latitude, 0.0))
    assert len({round(sample.sun.zenith) for sample in samples}) == 1
