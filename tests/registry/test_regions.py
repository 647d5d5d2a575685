"""The region tree and addresses as people write them."""

import pytest

from sanyou.registry import organisations, regions
from sanyou.registry.models import Organisation, Region

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.requirement("A02"),
    pytest.mark.usefixtures("regions"),
]


@pytest.fixture
def county() -> Region:
    return Region.objects.get(pk="500107")


def test_the_whole_country_is_loaded_once() -> None:
    assert Region.objects.count() == len(regions.rows()) == 44700
    assert regions.load() == 0


def test_a_lost_region_comes_back() -> None:
    Region.objects.filter(pk="500107102").delete()
    assert regions.load() == 1
    assert Region.objects.get(pk="500107102").full_name == "重庆市九龙坡区华岩镇"


def test_every_region_lies_within_the_prefix_of_its_parent() -> None:
    rows = regions.rows()
    assert all(r.code.startswith(rows[r.parent].prefix) for r in rows.values() if r.parent)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("重庆市九龙坡区华岩镇", "重庆市九龙坡区华岩镇"),
        ("九龙坡区华岩镇", "重庆市九龙坡区华岩镇"),
        ("华岩镇", "重庆市九龙坡区华岩镇"),
        ("谢家湾", "重庆市九龙坡区谢家湾街道"),
        ("谢家湾街道办事处", "重庆市九龙坡区谢家湾街道"),
        ("重庆九龙坡西彭镇长石村3组", "重庆市九龙坡区西彭镇"),
        (" 重庆市 九龙坡区\u3000陶家镇 ", "重庆市九龙坡区陶家镇"),
        ("重庆市市辖区九龙坡区九龙街道", "重庆市九龙坡区九龙街道"),
        ("重庆市九龙坡区不存在镇", "重庆市九龙坡区"),
        ("走马镇", "重庆市九龙坡区走马镇"),
        ("重庆市万州区走马镇", "重庆市万州区走马镇"),
        ("重庆市云阳县", "重庆市云阳县"),
        ("贵州省贵阳市南明区", "贵州省贵阳市南明区"),
        ("内蒙古呼和浩特市", "内蒙古自治区呼和浩特市"),
        ("广东省东莞市虎门镇", "广东省东莞市虎门镇"),
        ("海南省文昌市", "海南省文昌市"),
        ("北京市朝阳区", "北京市朝阳区"),
    ],
)
def test_an_address_names_its_narrowest_region(address: str, name: str, county: Region) -> None:
    found = regions.find(address, county)
    assert found is not None
    assert found.full_name == name


@pytest.mark.parametrize("address", ["", "外省", "不详", "鼓楼区", "1组2号"])
def test_what_names_no_certain_region_is_not_guessed(address: str) -> None:
    assert regions.find(address) is None


def test_a_township_alone_is_not_guessed_without_its_county() -> None:
    assert regions.find("华岩镇") is None


def test_every_township_of_the_district_is_found_by_its_full_name(county: Region) -> None:
    for town in county.children.all():
        assert regions.find(town.full_name) == town
        assert regions.find(town.name, county) == town


def test_a_village_is_added_by_the_district_and_found(county: Region) -> None:
    town = Region.objects.get(pk="500107110")
    village = regions.add_village(town, "500107110201", "长石村")
    assert regions.find("西彭镇长石村3组", county) == village
    with pytest.raises(ValueError, match="12"):
        regions.add_village(town, "500107102201", "半山村")


def test_a_district_has_its_offices_towns_and_hospitals() -> None:
    district = organisations.setup_district("500107", "九龙坡区妇幼保健计划生育服务中心")
    assert district.centre.kind == Organisation.Kind.CENTRE
    assert len(district.townships) == len(district.hospitals) == 19
    assert district.townships["500107003"].name == "谢家湾街道办事处"
    assert district.hospitals["500107102"].name == "华岩镇卫生院"


def test_setting_a_district_up_twice_changes_nothing() -> None:
    organisations.setup_district("500107", "中心")
    before = Organisation.objects.count()
    organisations.setup_district("500107", "中心")
    assert Organisation.objects.count() == before
