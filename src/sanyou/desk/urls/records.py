"""Forms, consents, cards, assessments, documents and follow-up."""

from django.urls import URLPattern, path

from sanyou.desk.views import (
    record_transfer,
    records_assess,
    records_card,
    records_consent,
    records_document,
    records_encounter,
    records_picture,
    records_task,
)

urlpatterns: list[URLPattern] = [
    path(
        "episodes/<uuid:key>/forms/<slug:form>/<slug:role>",
        records_encounter.open_form,
        name="encounter-open",
    ),
    path("encounters/<uuid:key>", records_encounter.encounter, name="encounter"),
    path("encounters/<uuid:key>/save", records_encounter.autosave, name="encounter-autosave"),
    path("encounters/<uuid:key>/check", records_encounter.check, name="encounter-check"),
    path("encounters/<uuid:key>/sign", records_encounter.sign, name="encounter-sign"),
    path("encounters/<uuid:key>/amend", records_encounter.amend, name="encounter-amend"),
    path("encounters/<uuid:key>/picture", records_picture.picture, name="encounter-picture"),
    path("regions/names", records_encounter.region_names, name="region-names"),
    path("episodes/<uuid:key>/transfer", record_transfer.transfer, name="transfer"),
    path("episodes/<uuid:key>/consent", records_consent.consent, name="consent"),
    path("episodes/<uuid:key>/card", records_card.card, name="card"),
    path("cards/scan", records_card.scan, name="card-scan"),
    path("episodes/<uuid:key>/assess", records_assess.assess, name="assess"),
    path("episodes/<uuid:key>/documents", records_document.documents_of, name="documents"),
    path(
        "episodes/<uuid:key>/documents/<slug:kind>/issue",
        records_document.issue,
        name="document-issue",
    ),
    path("documents/<uuid:key>", records_document.document, name="document"),
    path("documents/<uuid:key>/print", records_document.document, name="document-print"),
    path("tasks/<uuid:key>", records_task.task, name="task"),
    path("tasks/<uuid:key>/attempt", records_task.attempt, name="task-attempt"),
    path("tasks/<uuid:key>/close", records_task.close, name="task-close"),
    path("episodes/<uuid:key>/referrals", records_task.referral_list, name="referrals"),
]
