"""A page in Chromium without a window, spoken to by the DevTools protocol through a pipe: needs no other package."""

import base64
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import suppress

__all__ = ["Page", "browser", "chromium"]

PATIENCE_SECONDS = 60.0
FREE = 10  # the first descriptor that is certainly not one of those that Chromium wants: 3 and 4
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-dev-shm-usage", "--force-color-profile=srgb", "--disable-lcd-text",
)  # fmt: skip


def chromium():
    """Return the path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class browser:  # noqa: N801 - a context manager
    """Starts Chromium with a profile in a folder, and ends it; the page is what ``with`` gives."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        orders, self.write = os.pipe()
        self.read, answers = os.pipe()
        high = [fcntl.fcntl(each, fcntl.F_DUPFD, FREE) for each in (orders, answers)]
        command = f'exec "$0" "$@" 3</dev/fd/{high[0]} 4>/dev/fd/{high[1]}'
        self.log = (self.folder / "chromium.log").open("w")
        self.process = subprocess.Popen(
            ["sh", "-c", command, chromium(), *OPTIONS, f"--user-data-dir={self.folder / 'profile'}", "about:blank"],
            pass_fds=high,
            stdout=self.log,
            stderr=self.log,
            # A sanitizer that is loaded into Python first has no business in the browser.
            env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
            | {"HOME": str(self.folder)},
        )
        for each in (orders, answers, *high):
            os.close(each)
        self.page = Page(self.write, self.read)
        try:
            self.page.attach()
        except BaseException:
            self.__exit__()
            raise
        return self.page

    def __exit__(self, *_):
        with suppress(OSError, EOFError, TimeoutError):
            self.page.browser("Browser.close")
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for each in (self.write, self.read):
            os.close(each)
        self.log.close()


class Page:
    """What the tests ask of a page. Everything that it requests and complains about is remembered."""

    def __init__(self, write, read):
        self.write, self.read = write, read
        self.numbers = itertools.count(1)
        self.buffer = b""
        self.session = None
        self.forget()

    def forget(self):
        """Begin anew to remember."""
        self.requests, self.complaints, self.loaded = [], [], False

    def attach(self):
        """Make the one page of this browser."""
        target = self.browser("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.browser("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.tell(f"{domain}.enable")

    def open(self, path, *, width=1200, height=900, scheme="light", scripts=True):
        """Show a file in a window of this size, and wait until it has loaded."""
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.tell("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.forget()
        self.tell("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.loaded:
            self.hear(deadline)

    def ask(self, expression):
        """Return what an expression of JavaScript is in the page."""
        answer = self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ValueError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def screenshot(self, selector="body", tall=900):
        """Return the page where the first such element begins, as wide as the window, as PNG."""
        area = self.ask(
            f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); "
            "return {x: 0, y: box.top + scrollY, width: innerWidth, scale: 1}; })()"
        )
        clip = area | {"height": tall}
        answer = self.tell("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(answer["data"])

    def tell(self, method, **parameters):
        """Send an order to the page; return its answer."""
        return self.browser(method, self.session, **parameters)

    def browser(self, method, session=None, **parameters):
        """Send an order; return its answer."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self.write, content) :]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            heard = self.hear(deadline)
            if heard.get("id") == number:
                if "error" in heard:
                    raise ValueError(f"{method}: {heard['error']['message']}")
                return heard["result"]

    def hear(self, deadline):
        """Return the next message, after remembering what it says."""
        while b"\0" not in self.buffer:
            if not select.select([self.read], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            received = os.read(self.read, 1 << 20)
            if not received:
                raise EOFError("the browser has ended")
            self.buffer += received
        line, _, self.buffer = self.buffer.partition(b"\0")
        message = json.loads(line)
        told = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(told["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.complaints.append(told)
            case "Page.loadEventFired":
                self.loaded = True
        return message
