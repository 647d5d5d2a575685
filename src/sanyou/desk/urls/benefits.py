"""Subsidies: applications, public notices, appeals, government benefit programmes."""

from django.urls import URLPattern, path

from sanyou.desk.views import benefits, benefits_notices, benefits_payments, benefits_programmes

urlpatterns: list[URLPattern] = [
    path("benefits", benefits.benefits, name="benefits"),
    path("benefits/appeals", benefits.appeals, name="appeals"),
    path("benefits/appeals/<uuid:key>/decide", benefits.appeal_decide, name="appeal-decide"),
    path("benefits/notices", benefits_notices.notice_list, name="notices"),
    path("benefits/notices/make", benefits_notices.notice_make, name="notice-make"),
    path("benefits/notices/<uuid:key>", benefits_notices.notice, name="notice"),
    path("benefits/notices/<uuid:key>/print", benefits_notices.notice_print, name="notice-print"),
    path("benefits/notices/<uuid:key>/close", benefits_notices.notice_close, name="notice-close"),
    path("benefits/notices/<uuid:key>/object", benefits_notices.objection_add, name="object"),
    path(
        "benefits/objections/<uuid:key>/answer",
        benefits_notices.objection_answer,
        name="objection-answer",
    ),
    path("benefit-programmes", benefits_programmes.benefit_programmes, name="benefit-programmes"),
    path(
        "benefit-programmes/export",
        benefits_programmes.benefit_export,
        name="benefit-programmes-export",
    ),
    path("benefits/payments", benefits_payments.payments, name="benefit-payments"),
    path(
        "benefits/payments/<uuid:key>",
        benefits_payments.payment_sheet,
        name="benefit-payment-sheet",
    ),
    path("benefits/<uuid:key>", benefits.benefit, name="benefit"),
    path("benefits/<uuid:key>/approve", benefits.approve, name="approve"),
    path("benefits/<uuid:key>/publish", benefits.publish, name="publish"),
    path("benefits/<uuid:key>/take-back", benefits.take_back, name="benefit-take-back"),
    path("benefits/<uuid:key>/appeal", benefits.appeal_file, name="appeal-file"),
]
