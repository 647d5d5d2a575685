"""A policy tried before it is signed: the query says what the desk would say, and nothing is written."""

import datetime as dt
import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import duckdb
import openpyxl
import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sanyou.care.models import Assessment, EligibilityDecision, Episode
from sanyou.figures import whatif, whatif_drafts
from sanyou.figures.models import PolicyDraft, TaskNumber
from sanyou.figures.whatif_people import place_of, population
from sanyou.protocol.dates import months_between, years_between
from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.facts import in_area
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import amount_on, split_shares, tier_of
from sanyou.protocol.redraft import DraftErrors, policy_from, read, redraft
from sanyou.protocol.scope import FactSpec
from sanyou.protocol.whatif import area_sql, comparison_sql, needed
from sanyou.registry.models import Person

LIBRARY = Library.load()
ON = dt.date(2027, 1, 1)
MADE = dt.date(2026, 6, 1)
PARTS = [
    pytest.param(policy.for_programme(programme), id=f"{policy.id}-{programme}")
    for policy in LIBRARY.policies.values()
    if not policy.stub
    for programme in policy.programmes
    if policy.for_programme(programme).conditions
]


def edited(
    policy: str = "jiulongpo-2020", programme: str = "preconception", **changes: Any
) -> Policy:
    """An edited copy: `eligibility__residence__when="…"`."""
    fields = {name.replace("__", "/"): value for name, value in changes.items()}
    base = LIBRARY.policies[policy]
    made = redraft(LIBRARY, base, programme, fields | {"from": ON.isoformat()}, MADE)
    return policy_from(LIBRARY, made).for_programme(programme)


def values_of(spec: FactSpec) -> st.SearchStrategy[Any]:
    known: st.SearchStrategy[Any]
    if spec.kind == "boolean":
        known = st.booleans()
    elif spec.codes is not None:
        known = st.sampled_from(sorted(spec.codes))
    elif spec.kind == "number":
        whole = st.integers(0, 12)
        known = (
            whole
            if spec.integer
            else st.one_of(whole.map(float), st.integers(0, 6_000_000).map(lambda fen: fen / 100))
        )
    elif spec.kind == "date":
        known = st.dates(dt.date(2015, 1, 1), dt.date(2028, 1, 1))
    else:
        known = st.sampled_from(["500107102", "500107103", "220174001", "110101"])
    return st.one_of(st.none(), known)


def one_by_one(policy: Policy, facts: dict[str, Any]) -> tuple[str, int | None]:
    """State and fen as the desk works them out."""
    answer = decide(policy, facts).answer
    state = decide_entitlement(policy, facts).grant if answer == "yes" else answer
    fen = amount_on(policy, facts, ON).fen if policy.price or policy.benefit else None
    return state, fen


def in_query(base: Policy, draft: Policy, table: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    specs = needed((base, draft))
    keys = [
        {"region": "220174001", "elsewhere": None, "child_order": 1, "examined": True}
        for _facts in table
    ]
    with duckdb.connect() as connection:
        whatif.fill(connection, specs, table, keys, ON)
        query = comparison_sql(base, draft, ("i",), each=True)
        return connection.execute(f"SELECT * FROM ({query}) ORDER BY i").fetchall()


@pytest.mark.requirement("E05")
@pytest.mark.parametrize("policy", PARTS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_query_answers_as_the_desk_does_whatever_is_known(policy: Policy, data: Any) -> None:
    specs = needed((policy,))
    row = st.fixed_dictionaries({name: values_of(spec) for name, spec in specs.items()})
    table = data.draw(st.lists(row, min_size=1, max_size=20))

    found = in_query(policy, policy, table)

    for facts, (_i, state, why, fen, *draft) in zip(table, found, strict=True):
        assert (state, fen) == one_by_one(policy, facts), facts
        assert draft == [state, why, fen]
        decision = decide(policy, facts)
        if decision.answer != "yes":
            deciding = [
                c.id
                for c in decision.criteria
                if c.truth is (None if decision.answer == "unknown" else False)
            ]
            assert why == (f"eligibility:{deciding[0]}" if deciding else "")


@pytest.mark.requirement("E05")
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(self_paid=st.one_of(st.none(), st.integers(0, 10_000_000).map(lambda fen: fen / 100)))
def test_a_benefit_is_worked_out_to_the_fen(self_paid: float | None) -> None:
    policies = [p.values[0] for p in PARTS if p.values[0].benefit and p.values[0].benefit.part]
    for policy in policies:
        fact = policy.benefit.part.of
        [(_i, _state, _why, fen, *_rest)] = in_query(policy, policy, [{fact: self_paid}])

        assert fen == amount_on(policy, {fact: self_paid}, ON).fen


@pytest.mark.parametrize("code", ["50", "5001", "500107", "500107102", "500107103", "110101", None])
def test_an_area_means_the_same_in_the_query(code: str | None) -> None:
    for area in LIBRARY.policies["jiulongpo-2020"].areas.values():
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE t (code VARCHAR)")
            connection.execute("INSERT INTO t VALUES (?)", [code])
            found = connection.execute(f"SELECT {area_sql('code', area)} FROM t").fetchone()

        assert found == (in_area(code, area),)


@pytest.mark.requirement("E05")
def test_the_invented_population_is_the_same_again_and_counts_months_as_the_code_does() -> None:
    base = LIBRARY.policies["jiulongpo-2020"]
    specs = {
        name: base.scope.facts[name]
        for name in ("wife.residence_since", "wife.months_resident", "wife.birth_date", "wife.age")
        if base.scope is not None and name in base.scope.facts
    }
    drawn = population(
        specs, ("wife", "husband"), base, place_of("500107", [], []), 3_000, dt.date(2027, 2, 28)
    )
    with duckdb.connect() as one, duckdb.connect(config={"threads": 1}) as other:
        rows = one.execute(f"SELECT * FROM ({drawn.sql}) ORDER BY i").fetchall()
        names = [c[0] for c in one.execute(f"DESCRIBE {drawn.sql}").fetchall()]
        assert other.execute(f"SELECT * FROM ({drawn.sql}) ORDER BY i").fetchall() == rows

    for values in rows:
        facts = dict(zip(names, values, strict=True))
        since = facts["wife.residence_since"]
        assert facts["wife.months_resident"] == months_between(since, dt.date(2027, 2, 28))
        assert facts["wife.age"] == years_between(facts["wife.birth_date"], dt.date(2027, 2, 28))


@pytest.mark.requirement("E05")
def test_three_months_instead_of_six_lets_more_migrants_in_and_nobody_out() -> None:
    base = LIBRARY.policies["jiulongpo-2020"]
    residence = next(c.when for c in base.eligibility if c.id == "residence")
    draft = edited(eligibility__residence__when=residence.replace(">= 6", ">= 3"))

    made = whatif.invented(base, draft, place_of("500107", [], []), 20_000, ("wife", "husband"))

    assert made.cases == 20_000
    assert made.gains > 0
    assert made.loses == 0
    assert made.draft.couples["free"] - made.base.couples["free"] <= made.gains
    hukou = {g.name: g.gains for g in made.groups if g.kind == "hukou"}
    assert hukou == {"True": made.gains, "False": 0}
    assert [
        g.gains for g in made.groups if (g.kind, g.name) == ("criterion", "eligibility:residence")
    ] == [made.gains]
    assert sum(g.gains for g in made.groups if g.kind == "town") == made.gains
    assert made.base.fen == made.base.couples["free"] * 46_000
    assert made.base.payers == {"district_finance": made.base.fen}


@pytest.mark.requirement("E05")
def test_shares_of_each_tier_add_up_to_the_fen() -> None:
    base = LIBRARY.policies["qikai-2021"]
    draft = edited(
        "qikai-2021", price__0__amount="233.33", shares__0__percent="50", shares__1__percent="35"
    )

    made = whatif.invented(base, draft, place_of("220174", [], []), 10_000, ("wife", "husband"))

    each = split_shares(draft, 23_333, tier_of(draft, "220174001"))
    assert made.draft.payers == {p: n * made.draft.couples["free"] for p, n in each.items()}
    assert sum(made.draft.payers.values()) == made.draft.fen


@pytest.mark.requirement("E05")
def test_a_further_payer_takes_a_part_in_every_tier() -> None:
    base = LIBRARY.policies["jiulongpo-2020"]
    changes = {"shares/0/percent": "70", "shares/+/label": "市财政", "shares/+/percent": "30"}
    draft = policy_from(LIBRARY, redraft(LIBRARY, base, "preconception", changes, MADE))

    made = whatif.invented(base, draft, place_of("500107", [], []), 2_000, ("wife", "husband"))

    free = made.draft.couples["free"]
    assert made.draft.payers == {"district_finance": 32_200 * free, "added_payer": 13_800 * free}


@pytest.mark.requirement("E05")
def test_an_item_taken_out_is_no_more_work_for_the_laboratory() -> None:
    base = LIBRARY.policies["jiulongpo-2020"]
    draft = edited(items__thyroid__off=True)

    made = whatif.invented(base, draft, place_of("500107", [], []), 5_000, ("wife", "husband"))

    before = Counter({item: 0 for _town, item in made.base.load})
    for (_town, item), n in made.base.load.items():
        before[item] += n
    assert before["thyroid"] == made.base.couples["free"]
    assert before["syphilis"] == 2 * made.base.couples["free"]
    assert "thyroid" not in {item for _town, item in made.draft.load}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("price/0/amount", "48x", "两位小数"),
        ("shares/0/percent", "50", "100%"),
        ("eligibility/planning/when", "couple.plannig", "plannig"),
        ("eligibility/planning/when", "", "when"),
        ("entitlement/first/grant", "half", "grant"),
        ("items/thyroid/who", ["child"], "child"),
    ],
)
def test_a_mistake_is_told_at_its_field(field: str, value: Any, says: str) -> None:
    base = LIBRARY.policies["jiulongpo-2020"]
    with pytest.raises(DraftErrors) as caught:
        policy_from(LIBRARY, redraft(LIBRARY, base, "preconception", {field: value}, MADE))

    told = {**caught.value.fields, "": " ".join(caught.value.others)}
    assert says in told.get(field, "") + told[""]
    assert field in caught.value.fields


@pytest.mark.requirement("E05")
def test_the_downloaded_file_is_a_complete_document_that_repeals_the_old_one(tmp_path: Any) -> None:
    base = LIBRARY.policies["jiulongpo-2020"]
    changes = {"price/0/amount": "480.00", "id": "jiulongpo-2027", "from": "2027-01-01",
               "eligibility/compliant/off": True}  # fmt: skip
    text = redraft(LIBRARY, base, "preconception", changes, MADE).text()
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "jiulongpo-2027.yaml").write_text(text, encoding="utf-8")

    lib = Library.load(None, tmp_path)

    new = lib.policies["jiulongpo-2027"]
    assert new.price[0].amount == "480.00"
    assert [c.id for c in new.eligibility] == ["planning", "residence"]
    assert lib.policies["jiulongpo-2020"].ends == dt.date(2026, 12, 31)
    assert lib.policy_for("500107102", "preconception", ON) is new
    assert [c.text for c in new.clauses] == [c.text for c in base.clauses]


def test_a_copy_without_changes_reads_as_the_document() -> None:
    for policy in LIBRARY.policies.values():
        if policy.stub:
            continue
        made = redraft(LIBRARY, policy, policy.programmes[0], {}, MADE)
        copy = read(LIBRARY, made.alone())
        for programme in policy.programmes:
            one, other = policy.for_programme(programme), copy.for_programme(programme)
            assert one.eligibility == other.eligibility
            assert one.price == other.price
            assert one.shares == other.shares
            assert one.benefit == other.benefit
            assert one.items == other.items


# --- on the district's own records, and on the pages ---------------------------------------------


@pytest.fixture
def draft(actor: Callable[..., Any], district: Any) -> PolicyDraft:
    made = whatif_drafts.create(actor("manager"), "jiulongpo-2020", "preconception", "居住改为三年")
    residence = next(
        c.when for c in LIBRARY.policies["jiulongpo-2020"].eligibility if c.id == "residence"
    )
    changes = {
        "eligibility/residence/when": " ".join(residence.replace(">= 6", ">= 36").split()),
        "price/0/amount": "500.00",
    }
    return whatif_drafts.save(made, actor("manager"), changes, made.name, 1)


@pytest.fixture
def two_cases(episode_at: Callable[..., Any]) -> list[Episode]:
    """A couple of the district, and one from elsewhere that has lived here for less than three years."""
    found = [episode_at("examined", 1), episode_at("examined", 2)]
    couple = found[1].couple
    Person.objects.filter(pk__in=[couple.wife_id, couple.husband_id]).update(hukou_region="110101")
    return found


@pytest.mark.django_db
@pytest.mark.requirement("E05")
@pytest.mark.requirement("A05")
def test_a_past_year_is_judged_anew_and_nothing_is_written(
    draft: PolicyDraft, two_cases: list[Episode], actor: Callable[..., Any]
) -> None:
    before = list(EligibilityDecision.objects.values()), Assessment.objects.count()
    base, made = whatif_drafts.policies_of(draft)
    episodes = whatif.episodes_of(actor("manager"), base, "preconception", 2021)

    found = whatif.recorded(base, made, episodes, ("wife", "husband"))

    assert [e.pk for e in episodes] == [e.pk for e in two_cases]
    assert found.base.couples == {"free": 2, "own_cost": 0, "unknown": 0, "no": 0}
    assert found.draft.couples == {"free": 1, "own_cost": 0, "unknown": 0, "no": 1}
    assert (found.base.fen, found.draft.fen) == (92_000, 50_000)
    assert found.cases_changed == [(1, "free", "no", "eligibility:residence")]
    assert (list(EligibilityDecision.objects.values()), Assessment.objects.count()) == before


@pytest.mark.django_db
@pytest.mark.requirement("E05")
def test_coverage_is_measured_by_the_task_number_of_the_year(
    draft: PolicyDraft, two_cases: list[Episode], actor: Callable[..., Any]
) -> None:
    TaskNumber.objects.create(
        programme="preconception", region=draft.region, year=2021, number=4, source="测试",
        set_at=dt.datetime(2021, 1, 1, tzinfo=dt.UTC),
    )  # fmt: skip
    base, made = whatif_drafts.policies_of(draft)
    found = whatif.recorded(base, made, two_cases, ("wife", "husband"))

    [row] = whatif.coverage(base, made, found, draft.region, 2021)

    assert (row.base_percent, row.draft_percent) == (50.0, 25.0)


@pytest.mark.django_db
@pytest.mark.requirement("E05")
def test_the_page_names_the_records_to_her_who_may_see_them(
    draft: PolicyDraft, two_cases: list[Episode], client_as: Callable[..., Client]
) -> None:
    address = reverse("try-policy-draft", args=[draft.key]) + "?year=2021"

    seen = client_as("manager").get(address).content.decode()
    counted = client_as("finance").get(address).content.decode()

    assert two_cases[1].number in seen
    assert two_cases[0].number not in seen
    assert "免费 → 不符合" in seen
    assert two_cases[1].number not in counted
    assert "您的岗位不能查看个人档案" in counted


@pytest.mark.django_db
def test_the_page_shows_an_invented_population_without_any_record(
    draft: PolicyDraft, client_as: Callable[..., Client]
) -> None:
    page = client_as("statistician").get(
        reverse("try-policy-draft", args=[draft.key]), {"couples": "2000"}
    )

    assert page.status_code == 200
    assert page.context["found"].cases == 2_000
    assert page.context["found"].loses > 0
    assert "bar-after" in page.content.decode()


@pytest.mark.django_db
def test_a_draft_of_another_district_does_not_exist_for_her(
    draft: PolicyDraft, client_as: Callable[..., Client]
) -> None:
    other = client_as("manager", "500110", "other-manager")

    assert other.get(reverse("try-policy-draft", args=[draft.key])).status_code == 404
    assert draft.name not in other.get(reverse("try-policy")).content.decode()


@pytest.mark.django_db
def test_who_has_no_part_in_policy_may_not_try_one(client_as: Callable[..., Client]) -> None:
    assert client_as("laboratory").get(reverse("try-policy")).status_code == 403


def form_of(client: Client, draft: PolicyDraft) -> dict[str, Any]:
    """What the browser would send of the unchanged form."""
    form = client.get(reverse("try-policy-edit", args=[draft.key])).context["form"]
    sent: dict[str, Any] = {"name": draft.name, "version": draft.version}
    for section in ("head", "price", "shares", "targets", "new_criterion", "new_item"):
        sent |= {one.name: one.value for one in form[section]}
    for kind in ("eligibility", "entitlement", "items"):
        for row in form[kind]:
            if row.on:
                sent[f"{kind}/{row.id}/on"] = "on"
            sent |= {one.name: one.value for one in row.fields}
            if row.grant:
                sent[f"{kind}/{row.id}/grant"] = row.grant
            if row.who:
                sent[f"{kind}/{row.id}/who"] = [role for role, _l, chosen in row.who if chosen]
    return sent


@pytest.mark.django_db
def test_the_form_keeps_only_what_was_changed(
    draft: PolicyDraft, client_as: Callable[..., Client]
) -> None:
    client = client_as("manager")
    sent = form_of(client, draft) | {
        "price/0/amount": "４８０.００",
        "items/thyroid/who": ["wife", "husband"],
    }
    del sent["eligibility/compliant/on"]
    sent["eligibility/residence/when"] = form_of(client, draft)["eligibility/residence/when"]

    response = client.post(reverse("try-policy-edit", args=[draft.key]), sent)

    assert response.status_code == 302, response.context["problem"]
    draft.refresh_from_db()
    kept = {
        k: v for k, v in draft.changes.items() if "/" in k and k != "eligibility/residence/when"
    }
    assert kept == {
        "price/0/amount": "480.00",
        "eligibility/compliant/off": True,
        "items/thyroid/who": ["wife", "husband"],
    }
    assert draft.history[-1]["changed"]["price/0/amount"] == ["500.00", "480.00"]


@pytest.mark.django_db
def test_a_mistake_stays_on_the_form_in_words(
    draft: PolicyDraft, client_as: Callable[..., Client]
) -> None:
    client = client_as("manager")
    sent = form_of(client, draft) | {"eligibility/planning/when": "couple.planing"}

    response = client.post(reverse("try-policy-edit", args=[draft.key]), sent)

    assert response.status_code == 409
    assert "planing" in response.context["form"]["eligibility"][0].fields[0].error
    draft.refresh_from_db()
    assert "eligibility/planning/when" not in draft.changes


@pytest.mark.django_db
def test_two_who_edit_at_once_do_not_overwrite_each_other(
    draft: PolicyDraft, client_as: Callable[..., Client]
) -> None:
    one, other = client_as("manager"), client_as("statistician")
    first = form_of(one, draft) | {"price/0/amount": "470.00"}
    second = form_of(other, draft) | {"price/0/amount": "490.00"}
    address = reverse("try-policy-edit", args=[draft.key])

    assert one.post(address, first).status_code == 302
    assert one.post(address, first).status_code == 302  # a second click
    late = other.post(address, second)

    assert late.status_code == 409
    assert "刚刚改过" in late.context["problem"]
    draft.refresh_from_db()
    assert draft.changes["price/0/amount"] == "470.00"


@pytest.mark.django_db
@pytest.mark.requirement("E05")
def test_the_spreadsheet_holds_values_and_their_source(
    draft: PolicyDraft, two_cases: list[Episode], client_as: Callable[..., Client]
) -> None:
    client = client_as("manager")
    address = reverse("try-policy-sheet", args=[draft.key])

    assert client.post(address, {"year": "2021"}).status_code == 409  # for what?
    response = client.post(address, {"year": "2021", "reason": "报区财政局"})

    book = openpyxl.load_workbook(io.BytesIO(response.content))
    money = [[c.value for c in row] for row in book["经费"].iter_rows()]
    assert ["区财政", 920, 500, -420] in money
    assert ["合计", 920, 500, -420] in money
    assert "2021 年登记的档案" in str(money[1])
    cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
    assert not [c for c in cells if c.data_type == "f"]
    assert not [c for c in cells if "欧阳" in str(c.value)]
