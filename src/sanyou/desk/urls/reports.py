"""Monthly reports and the year's task numbers."""

from django.urls import URLPattern, path

from sanyou.desk.views import reports, task_numbers

urlpatterns: list[URLPattern] = [
    path("reports", reports.report_list, name="reports"),
    path("reports/draft", reports.report_draft, name="report-draft"),
    path("reports/<uuid:key>", reports.report, name="report"),
    path("reports/<uuid:key>/again", reports.report_redraft, name="report-again"),
    path("reports/<uuid:key>/submit", reports.report_submit, name="report-submit"),
    path("reports/<uuid:key>/return", reports.report_return, name="report-return"),
    path("reports/<uuid:key>/accept", reports.report_accept, name="report-accept"),
    path("reports/<uuid:key>/amend", reports.report_amend, name="report-amend"),
    path("reports/<uuid:key>/export", reports.report_export, name="report-export"),
    path("reports/<uuid:key>/drift", reports.report_drift, name="report-drift"),
    path("reports/<uuid:key>/print", reports.report_print, name="report-print"),
    path("reports/<uuid:key>/figures/<slug:indicator>", reports.report_cases, name="report-cases"),
    path("task-numbers", task_numbers.task_numbers, name="task-numbers"),
    path("task-numbers/set", task_numbers.task_numbers_set, name="task-numbers-set"),
]
