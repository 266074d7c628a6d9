"""One real Chromium, driven as a person would: by what is written on links and buttons."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from support.programs import need

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic", "--hide-scrollbars",
)  # fmt: skip
DESKTOP, PHONE, NARROW = (1280, 800), (390, 844), (320, 640)
#: Where screenshots go, if anywhere.
SCREENSHOTS = os.environ.get("TFA_SCREENSHOTS", "")


class Chrome:
    """``scripts=False`` is a browser in which no page may run JavaScript."""

    def __init__(self, folder: Path, *, scripts: bool = True) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = need("chromium")
        for flag in (*FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(options=options, service=Service(need("chromedriver")))
        self.driver.set_page_load_timeout(30)
        self.site = ""
        self.scripts = scripts
        self.size(DESKTOP)

    def start(self, site: str) -> Chrome:
        """A browser that has seen nothing yet, for the site of this address."""
        self.driver.get("about:blank")
        self._cdp("Network.clearBrowserCookies")
        self._cdp("Network.clearBrowserCache")
        self.speak("en-GB,en")
        self.size(DESKTOP)
        self._said()
        self.site = site
        return self

    def quit(self) -> None:
        """End the browser."""
        self.driver.quit()

    def speak(self, languages: str) -> None:
        """The person's languages, as Accept-Language has them."""
        agent = self.driver.execute_script("return navigator.userAgent")
        self._cdp("Network.enable")
        self._cdp("Network.setUserAgentOverride", userAgent=agent, acceptLanguage=languages)

    def size(self, size: tuple[int, int], *, dark: bool = False) -> None:
        """The window's inner size, and the colours that the person prefers."""
        width, height = size
        self._cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._cdp("Emulation.setEmulatedMedia", features=[scheme])

    def _cdp(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    # -- what a person does

    def open(self, path: str) -> None:
        """Type an address of the site."""
        self.driver.get(self.site + path)

    def press(self, label: str, near: str = "") -> None:
        """Press the first button, link or summary that can be seen and bears this text; ``near``: within the element of
        this selector."""
        scope = self.find(near) if near else self.find("body")
        self._follow(self._labelled(scope, label))

    def _labelled(self, scope: WebElement, label: str) -> WebElement:
        for one in scope.find_elements(By.CSS_SELECTOR, "button, a, summary"):
            if one.is_displayed() and " ".join(one.text.split()).startswith(label):
                return one
        raise AssertionError(f"nothing to press says {label!r} on {self.path}:\n{self.text}")

    def _follow(self, target: WebElement) -> None:
        """Click, and where that leaves the page, wait for the next one."""
        leaves = target.tag_name != "summary"
        before = self._loader()
        target.click()
        if leaves:
            self._await_next(before)

    def _loader(self) -> str:
        """Which load the page in the window came from; every navigation has a new one."""
        return str(self._cdp("Page.getFrameTree")["frameTree"]["frame"]["loaderId"])

    def _await_next(self, before: str) -> None:
        WebDriverWait(self.driver, 20, poll_frequency=0.02).until(lambda _: self._loader() != before)

    def fill(self, **fields: str) -> None:
        """Type into fields, by their names."""
        for name, value in fields.items():
            field = self.find(f"input[name={name}]:not([type=hidden])")
            field.clear()
            field.send_keys(value)

    def type(self, text: str) -> None:
        """Type where the keyboard focus is, and press Enter."""
        before = self._loader()
        self.driver.switch_to.active_element.send_keys(text + "\n")
        self._await_next(before)

    def tab(self) -> WebElement:
        """Press the Tab key; what has the keyboard then."""
        ActionChains(self.driver).send_keys(Keys.TAB).perform()
        return self.driver.switch_to.active_element

    def login(self, user: str, password: str, path: str = "/login") -> None:
        """The console's own login."""
        self.open(path)
        names = ("user", "pass") if path.startswith("/admin") else ("username", "password")
        self.fill(**dict(zip(names, (user, password), strict=True)))
        self.press("Log in")

    # -- what a person sees

    @property
    def path(self) -> str:
        """The path in the address bar."""
        return urlsplit(self.driver.current_url).path

    @property
    def address(self) -> str:
        """Path and query in the address bar."""
        parts = urlsplit(self.driver.current_url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    @property
    def text(self) -> str:
        """What the page says."""
        return str(self.driver.find_element(By.CSS_SELECTOR, "body").text)

    def find(self, selector: str) -> WebElement:
        """One element; an error where there is none."""
        found = self.all(selector)
        assert found, f"no {selector} on {self.path}:\n{self.text}"
        return found[0]

    def all(self, selector: str) -> Sequence[WebElement]:
        """All elements of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    @property
    def focused(self) -> str:
        """The name of the field that has the keyboard."""
        return self.driver.switch_to.active_element.get_attribute("name") or ""

    @property
    def complaints(self) -> list[str]:
        """What the browser reported since the last look, but for answers that are errors on purpose."""
        said = [one["message"] for one in self._said() if one["level"] in ("SEVERE", "WARNING")]
        return [one for one in said if "Failed to load resource" not in one]

    def _said(self) -> list[dict[str, Any]]:
        return list(self.driver.get_log("browser"))  # type: ignore[no-untyped-call]

    # -- the jar

    def take_cookies(self) -> list[dict[str, Any]]:
        """All cookies of the site, HttpOnly ones too: what a thief would have."""
        cookies = self._cdp("Network.getCookies", urls=[self.site])["cookies"]
        return [{"name": one["name"], "value": one["value"], "url": self.site} for one in cookies]

    def put_cookies(self, cookies: Sequence[dict[str, Any]]) -> None:
        """Put cookies into this browser."""
        for one in cookies:
            self._cdp("Network.setCookie", **one)

    # -- looking closely

    def look(self, name: str) -> None:
        """Check what every page of ours must keep: it fits the smallest phone, and the browser has no complaint.

        With TFA_SCREENSHOTS set, its pictures are kept under this name.
        """
        self.size(NARROW)
        width = self.driver.execute_script("return document.documentElement.scrollWidth")
        if SCREENSHOTS and width > NARROW[0]:
            self.picture(Path(SCREENSHOTS) / f"{name}-too-wide.png")
        for size, label in ((PHONE, "phone"), (DESKTOP, "desktop")) if SCREENSHOTS else ():
            for dark in (False, True):
                self.size(size, dark=dark)
                self.picture(Path(SCREENSHOTS) / f"{name}-{label}{'-dark' if dark else ''}.png")
        self.size(DESKTOP)
        assert width <= NARROW[0], f"{name} is {width} px wide on a phone of {NARROW[0]} px"
        assert not (found := self.complaints), found

    def picture(self, file: Path, *, whole: bool = True) -> Path:
        """A screenshot, of the whole page or of the window."""
        file.parent.mkdir(parents=True, exist_ok=True)
        shot = self._cdp("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))
        return file
