"""Sign-in, home, search, the couple's page, doubts, policies and rules, staff, audit."""

from django.urls import URLPattern, path
from django.views.i18n import set_language

from sanyou.desk.views import home, search, sign_in, style

urlpatterns: list[URLPattern] = [
    path("sign-in", sign_in.sign_in, name="sign-in"),
    path("sign-in/again", sign_in.sign_in_again, name="sign-in-again"),
    path("sign-in/second-factor", sign_in.second_factor, name="second-factor"),
    path("sign-out", sign_in.sign_out, name="sign-out"),
    path("alive", sign_in.alive, name="alive"),
    path("choose-duty", sign_in.choose_duty, name="choose-duty"),
    path("account", sign_in.account, name="account"),
    path("account/second-factor", sign_in.account_second_factor, name="account-second-factor"),
    path("language", set_language, name="set_language"),
    path("", home.home, name="home"),
    path("search", search.search, name="search"),
    path("style", style.page, name="style"),
]
