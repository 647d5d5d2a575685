"""Claims, statements, the ledger, the year's accounts and budget."""

from django.urls import URLPattern, path

from sanyou.desk.views import annual, money, special_account

urlpatterns: list[URLPattern] = [
    path("statements", money.statement_list, name="statements"),
    path("statements/prepare", money.statement_prepare, name="statement-prepare"),
    path("statements/<uuid:key>", money.statement, name="statement"),
    path("statements/<uuid:key>/submit", money.statement_submit, name="statement-submit"),
    path("statements/<uuid:key>/return", money.statement_return, name="statement-return"),
    path("statements/<uuid:key>/approve", money.statement_approve, name="statement-approve"),
    path("statements/<uuid:key>/paid", money.statement_paid, name="statement-paid"),
    path("statements/<uuid:key>/print", money.statement_print, name="statement-print"),
    path("statements/<uuid:key>/export", money.statement_export, name="statement-export"),
    path("ledger/account", special_account.special_account, name="special-account"),
    path("ledger", special_account.ledger_page, name="ledger"),
    path("ledger/receive", special_account.ledger_receive, name="ledger-receive"),
    path("ledger/spend", special_account.ledger_spend, name="ledger-spend"),
    path("ledger/print", special_account.ledger_print, name="ledger-print"),
    path("ledger/export", special_account.ledger_export, name="ledger-export"),
    path("ledger/<uuid:key>/reverse", special_account.ledger_reverse, name="ledger-reverse"),
    path("claims/<uuid:key>", money.claim, name="claim"),
    path("annual-accounts", annual.annual_accounts, name="annual-accounts"),
    path("annual-accounts/budget", annual.budget, name="budget"),
    path("annual-accounts/prepare", annual.annual_prepare, name="annual-prepare"),
    path("annual-accounts/<uuid:key>", annual.annual_account, name="annual-account"),
    path("annual-accounts/<uuid:key>/submit", annual.annual_submit, name="annual-submit"),
    path("annual-accounts/<uuid:key>/return", annual.annual_return, name="annual-return"),
    path("annual-accounts/<uuid:key>/approve", annual.annual_approve, name="annual-approve"),
    path("annual-accounts/<uuid:key>/print", annual.annual_print, name="annual-print"),
    path("annual-accounts/<uuid:key>/export", annual.annual_export, name="annual-export"),
]
