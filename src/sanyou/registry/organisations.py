"""The organisations of a district, made from its region tree."""

from dataclasses import dataclass

from django.db import transaction

from sanyou.registry.models import Organisation, Region


@dataclass(frozen=True, slots=True)
class District:
    """Who runs the programme in one county; `townships` by region code."""

    county: Region
    commission: Organisation
    finance: Organisation
    centre: Organisation
    townships: dict[str, Organisation]
    hospitals: dict[str, Organisation]


@transaction.atomic
def setup_district(county_code: str, centre_name: str) -> District:
    """Commission, finance bureau, service centre, and each township with its hospital. Idempotent.

    The region tree must be loaded (Region.DoesNotExist otherwise).
    """
    county = Region.objects.get(pk=county_code)
    kinds = Organisation.Kind
    commission = _put(county, "wjw", kinds.COMMISSION, f"{county.name}卫生健康委员会")
    finance = _put(county, "czj", kinds.FINANCE, f"{county.name}财政局")
    centre = _put(county, "zx", kinds.CENTRE, centre_name, commission)
    townships: dict[str, Organisation] = {}
    hospitals: dict[str, Organisation] = {}
    for town in county.children.filter(level=Region.Level.TOWNSHIP):
        street = town.name.endswith("街道")
        office = f"{town.name}办事处" if street else f"{town.name}人民政府"
        clinic = f"{town.name}社区卫生服务中心" if street else f"{town.name}卫生院"
        townships[town.code] = _put(town, "zj", kinds.TOWNSHIP, office, commission)
        hospitals[town.code] = _put(town, "wsy", kinds.HOSPITAL, clinic, commission)
    return District(county, commission, finance, centre, townships, hospitals)


def setup_commission(region_code: str) -> Organisation:
    """The health commission of a city or province, above its districts. Idempotent."""
    region = Region.objects.get(pk=region_code)
    name = f"{region.full_name}卫生健康委员会"
    return _put(region, "wjw", Organisation.Kind.COMMISSION, name)


def _put(
    region: Region, mark: str, kind: str, name: str, parent: Organisation | None = None
) -> Organisation:
    organisation, _created = Organisation.objects.update_or_create(
        code=f"{region.code}-{mark}",
        defaults={"name": name, "kind": kind, "region": region, "parent": parent},
    )
    return organisation
