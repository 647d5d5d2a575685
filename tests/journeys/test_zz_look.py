from datetime import date
import pytest
from django.urls import reverse
from sanyou.care import episodes, encounters, assessments, documents, content, flow, sessions
from sanyou.care.models import Episode, Task
from sanyou.registry.access import Actor
from sanyou.registry import groups
from sanyou.registry.models import Region
from sanyou.registry.people import PersonData, register_person
from django.utils import timezone
from datetime import timedelta
pytestmark=[pytest.mark.django_db(transaction=True)]
def test_look(desks, live_server, staff, make_id):
    desk=desks("120105","120105001")
    page=desk("child_doctor")
    st=staff("child_doctor","120105",None)
    who=Actor.of(st, st.duties.get(duty="child_doctor"))
    born=timezone.localdate()-timedelta(days=380)
    home=Region.objects.get(pk="120105001")
    p=register_person(PersonData(name="欧阳小明",id_number=make_id("120105",born,1),residence_region=home,residence_text=home.full_name),Actor.system("t"))
    ep=episodes.nominate(who,"child_health",p,{"child":{"birth_weight":3300,"birth_gestation_days":280,"birth_plurality":"single"}},born,home,source="f:1")
    episodes.confirm(ep,who,born)
    flow.advance(flow.lock(ep), timezone.localdate()) if False else None
    from django.db import transaction
    with transaction.atomic(): flow.advance(flow.lock(Episode.objects.get(pk=ep.pk)), timezone.localdate())
    for n,(d,w,h) in enumerate(((30,4.4,54.5),(92,6.3,61.2),(185,7.4,66.5),(250,7.9,69.5))):
        on=born+timedelta(days=d)
        encounters.record(Episode.objects.get(pk=ep.pk),"child_visit","child",{"child_visited_on":on.isoformat(),"child_weight":w,"child_height":h,"measured_position":"lying","child_head":str(38+n*2)},on,who,source=f"v{n}")
    task=ep.tasks.get(name="visit_12m")
    page.goto(live_server.url+reverse("task",args=[task.key])); page.screenshot(path="/tmp/w/child/s_task.png",full_page=True)
    page.goto(live_server.url+reverse("encounter-open",args=[ep.key,"child_visit","child"])+f"?task={task.key}")
    page.fill("[name=child_visited_on]", timezone.localdate().isoformat()); page.keyboard.press("Tab"); page.wait_for_timeout(2500)
    page.screenshot(path="/tmp/w/child/s_visit.png",full_page=True)
    page.goto(live_server.url+reverse("growth-chart",args=[ep.key,"weight"])); page.screenshot(path="/tmp/w/child/s_chart.png",full_page=True)
    page.goto(live_server.url+reverse("episode",args=[ep.key])); page.screenshot(path="/tmp/w/child/s_episode.png",full_page=True)
    with transaction.atomic(): pass
    row=Episode.objects.get(pk=ep.pk)
    assessments.confirm(assessments.propose(row,timezone.localdate()),who)
    doc=documents.issue(row,"child_handbook",who,timezone.localdate())
    page.goto(live_server.url+reverse("document",args=[doc.key])); page.screenshot(path="/tmp/w/child/s_doc.png",full_page=True)
    nurse=desk("school_doctor")
    ns=staff("school_doctor","120105",None); na=Actor.of(ns, ns.duties.get(duty="school_doctor"))
    place=groups.place(na,home,"kindergarten","光复幼儿园"); g=groups.create(na,place,"中一班",2026)
    b=timezone.localdate()-timedelta(days=1700)
    groups.add_lines(na,g,"\n".join(f"学生{i},男,{b.isoformat()}" for i in range(4)),timezone.localdate())
    k=next(x for x in sessions.kinds(na,"120105001",timezone.localdate()) if x.spec.id=="kindergarten_check")
    s=sessions.hold(na,g,k,timezone.localdate())
    nurse.goto(live_server.url+reverse("session",args=[s.key])); nurse.screenshot(path="/tmp/w/child/s_session.png",full_page=True)
