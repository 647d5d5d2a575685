"""Builds a demo district in a temporary folder, serves it, and photographs the pages of the README."""

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
PASSWORD = "sanyou-demo-2026"  # printed by `sanyou demo`
DESKTOP = {"width": 1366, "height": 860}
PHONE = {"width": 390, "height": 844}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_for(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit("the demo did not start")


def signed_in(browser: Browser, base: str, username: str, viewport: dict[str, int]) -> Page:
    page = browser.new_context(viewport=viewport, locale="zh-CN").new_page()
    page.goto(f"{base}/sign-in")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_load_state("networkidle")
    return page


def shoot(page: Page, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


def take(page: Page, label: str) -> None:
    """Open the first task of a kind in the queue."""
    row = page.locator("main tbody tr", has_text=label).first
    row.locator("a.button").click()
    page.wait_for_load_state("networkidle")


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        sanyou = [sys.executable, "-m", "sanyou"]
        subprocess.run([*sanyou, "demo", "--no-serve", "--home", home], check=True)
        port = free_port()
        server = subprocess.Popen(
            [*sanyou, "serve", "--port", str(port), "--home", home],
            env=os.environ | {"SANYOU_DEMO": "1"},
        )
        base = f"http://127.0.0.1:{port}"
        try:
            wait_for(f"{base}/sign-in")
            with sync_playwright() as p:
                browser = p.chromium.launch(
                    executable_path="/usr/bin/chromium", args=["--no-sandbox"]
                )
                doctor = signed_in(browser, base, "pinggu", DESKTOP)
                shoot(doctor, "home")
                take(doctor, "风险评估")
                shoot(doctor, "assess")
                doctor.goto(f"{base}/")
                doctor.locator("main tbody tr", has_text="出具评估建议告知书").locator(
                    "a >> nth=0"
                ).first.click()
                shoot(doctor, "episode")
                doctor.goto(f"{base}/")
                take(doctor, "出具评估建议告知书")
                notice = doctor.locator("main tbody tr", has_text="评估建议告知书")
                notice.locator("button").first.click()
                doctor.wait_for_selector(".sheet")
                shoot(doctor, "notice")
                nurse = signed_in(browser, base, "bingshi", DESKTOP)
                take(nurse, "病史询问与健康教育")
                shoot(nurse, "form")
                centre = signed_in(browser, base, "dengji", DESKTOP)
                take(centre, "中心确认")
                shoot(centre, "confirm")
                village = signed_in(browser, base, "cunyi", PHONE)
                shoot(village, "village-phone")
                browser.close()
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
