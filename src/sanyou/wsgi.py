"""WSGI entry point: `granian --interface wsgi sanyou.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sanyou.settings")
application = get_wsgi_application()
