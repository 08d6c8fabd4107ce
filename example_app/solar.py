"""Clear-sky irradiance from solar geometry, with the standard library only.

The values are realistic enough for an example. The formulas are published:

* distance, declination and equation of time: J. W. Spencer, "Fourier series
  representation of the position of the sun", Search 2 (5), p. 172 (1971), as in
  M. Iqbal, "An Introduction to Solar Radiation", Academic Press (1983), chapter 1;
  the constant of the equation of time is 0.0000075, which Spencer confirmed (the
  paper misprints it as 0.000075);
* zenith and azimuth: the spherical astronomy of the same chapter;
* global horizontal irradiance: B. Haurwitz, "Insolation in relation to cloudiness
  and cloud density", Journal of Meteorology 2, pp. 154-166 (1945);
* diffuse part: D. G. Erbs, S. A. Klein and J. A. Duffie, "Estimation of the diffuse
  radiation fraction for hourly, daily and monthly-average global radiation", Solar
  Energy 28 (4), pp. 293-302 (1982);
* solar constant: 1366.1 W/m², ASTM E-490.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta

SOURCES = (
    "Sun position: Spencer 1971. Global irradiance: Haurwitz 1945. "
    "Direct and diffuse: Erbs, Klein and Duffie 1982."
)
SOLAR_CONSTANT = 1366.1
HOUR = timedelta(hours=1)

# Erbs divides by the cosine of the zenith, which is close to 0 near the horizon. So
# clearness is computed for a zenith of 86.3° at most, and beyond 87° all irradiance is
# diffuse.
_LOWEST_COSINE = 0.065
_LAST_DIRECT_ZENITH = 87.0


@dataclass(frozen=True, slots=True)
class Place:
    """A point on Earth, in degrees: north and east are positive."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Sun:
    """The position of the sun in degrees, and its strength outside the atmosphere.

    :param zenith: 0 overhead, 90 at the horizon; without refraction.
    :param azimuth: clockwise from north, 0 to 360.
    :param irradiance: on a plane facing the sun, outside the atmosphere, in W/m².
    """

    zenith: float
    azimuth: float
    irradiance: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One interval: its beginning, and the values of its middle in W/m² and degrees."""

    time: datetime
    ghi: float
    dni: float
    dhi: float
    sun: Sun


def clear_sky(
    place: Place, start: datetime, *, end: datetime, step: timedelta = HOUR
) -> Iterator[Sample]:
    """Yield the irradiance of every interval from `start` up to, not including, `end`.

    :param start: an aware time; every sample keeps its zone.
    """
    time = start
    while time < end:
        sun = sun_at(place, time + step / 2)
        ghi = haurwitz(sun.zenith)
        dni, dhi = erbs(ghi, sun)
        yield Sample(time, round(ghi, 1), round(dni, 1), round(dhi, 1), sun)
        time += step


def sun_at(place: Place, moment: datetime) -> Sun:
    """Return the position of the sun (Spencer 1971, Iqbal 1983).

    :param moment: an aware time.
    """
    moment = moment.astimezone(UTC)
    day = moment.timetuple().tm_yday
    hour = moment.hour + moment.minute / 60 + moment.second / 3600
    day_angle = math.tau * (day - 1 + hour / 24) / 365
    declination = _declination(day_angle)
    solar_hour = hour + place.longitude / 15 + _equation_of_time(day_angle) / 60
    hour_angle = math.radians(15 * (solar_hour - 12))
    zenith, azimuth = _position(math.radians(place.latitude), declination, hour_angle)
    return Sun(zenith, azimuth, SOLAR_CONSTANT * _nearness(day_angle))


def haurwitz(zenith: float) -> float:
    """Return the clear-sky global horizontal irradiance in W/m² (Haurwitz 1945)."""
    cosine = math.cos(math.radians(zenith))
    if cosine <= 0:
        return 0.0
    return 1098.0 * cosine * math.exp(-0.059 / cosine)


def erbs(ghi: float, sun: Sun) -> tuple[float, float]:
    """Split global irradiance into direct normal and diffuse (Erbs et al. 1982)."""
    cosine = math.cos(math.radians(sun.zenith))
    clearness = ghi / (sun.irradiance * max(cosine, _LOWEST_COSINE))
    dhi = ghi * _diffuse_fraction(min(clearness, 1.0))
    if sun.zenith > _LAST_DIRECT_ZENITH:
        return 0.0, ghi
    return (ghi - dhi) / cosine, dhi


def _diffuse_fraction(kt: float) -> float:
    if kt <= 0.22:
        return 1.0 - 0.09 * kt
    if kt > 0.8:
        return 0.165
    return 0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4


def _declination(day_angle: float) -> float:
    """Return the sun's declination in radians."""
    return (
        0.006918
        - 0.399912 * math.cos(day_angle)
        + 0.070257 * math.sin(day_angle)
        - 0.006758 * math.cos(2 * day_angle)
        + 0.000907 * math.sin(2 * day_angle)
        - 0.002697 * math.cos(3 * day_angle)
        + 0.00148 * math.sin(3 * day_angle)
    )


def _equation_of_time(day_angle: float) -> float:
    """Return by how many minutes the sundial is ahead of the clock."""
    return (1440 / math.tau) * (
        0.0000075
        + 0.001868 * math.cos(day_angle)
        - 0.032077 * math.sin(day_angle)
        - 0.014615 * math.cos(2 * day_angle)
        - 0.040849 * math.sin(2 * day_angle)
    )


def _nearness(day_angle: float) -> float:
    """Return the square of mean over actual distance to the sun."""
    return (
        1.00011
        + 0.034221 * math.cos(day_angle)
        + 0.00128 * math.sin(day_angle)
        + 0.000719 * math.cos(2 * day_angle)
        + 0.000077 * math.sin(2 * day_angle)
    )


def _position(
    latitude: float, declination: float, hour_angle: float
) -> tuple[float, float]:
    """Return zenith and azimuth in degrees, from angles in radians."""
    cosine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(
        declination
    ) * math.cos(hour_angle)
    # Rounding can make the cosine slightly larger than 1, where acos fails.
    zenith = math.degrees(math.acos(max(-1.0, min(1.0, cosine))))
    from_south = math.atan2(
        math.sin(hour_angle),
        math.cos(hour_angle) * math.sin(latitude)
        - math.tan(declination) * math.cos(latitude),
    )
    return zenith, (math.degrees(from_south) + 180) % 360
