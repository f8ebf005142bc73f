"""One visit of a browser to one page: everything that is checked or measured, from a single load."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

IN_PAGE = Path(__file__).with_name("in_page.js").read_text(encoding="utf-8")

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}  # a laptop, a phone
PAPER = {"width": 658, "height": 971}  # A4 without the margins that book.css asks for, in CSS pixels
TIMEOUT = 180_000  # milliseconds for one step, on a machine that does other things too
ORDINARY_WORK = 40  # milliseconds for `inPage.workTime` on an ordinary laptop; limits in time are meant for one

MB = 1_000_000
MAX_WEIGHT = 4 * MB
MAX_FIRST_VIEW = 1 * MB
MAX_FIRST_PAINT = 1500  # milliseconds
MAX_LAYOUT_SHIFT = 0.1
MAX_ANSWER = 100  # milliseconds


@dataclass
class Visit:
    """What a browser found on one page.

    Attributes:
        complaints: for each of TOPICS, what is wrong, in words.
        weight: bytes of the page and of everything that it loads until its end has been seen, unpacked.
        first_view: bytes sent until the load event, before any scrolling; text is compressed by the server.
        first_paint: milliseconds until the first text or image was there.
        layout_shift: how much moved by itself, as a browser measures it (CLS).
        moved: the parts that moved most.
        answers: for each slider, how many milliseconds a key takes to change the drawing.
        slowness: how many times as long as an ordinary laptop this machine took for the same computation, just then; 1 if it
            was as fast or faster. It stretches the limits in time.
    """

    complaints: dict[str, list[str]]
    weight: int = 0
    first_view: int = 0
    first_paint: float = 0.0
    layout_shift: float = 0.0
    moved: list[str] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    slowness: float = 1.0

    def wrong(self) -> list[str]:
        """All complaints, each after its topic."""
        return [f"{topic}: {complaint}" for topic in self.complaints for complaint in self.complaints[topic]]


TOPICS = (
    "console",
    "other hosts",
    "requests",
    "images",
    "maths",
    "sideways at 1280 px",
    "sideways at 390 px",
    "cut off on paper",
    "sliders move",
    "sliders speak",
    "accessibility",
    "accessibility in the dark",
    "accessibility at 390 px",
    "weight",
    "first view",
    "first paint",
    "layout shift",
    "answers",
)


@contextmanager
def opened(browser: Browser, home: str, path: str) -> Iterator[tuple[Page, Visit]]:
    """The page at home + path, loaded and with its formulas set, as a reader with an empty cache gets it.

    Args:
        browser: that opens it.
        home: where the book is, with a slash at the end; all else is another host.
        path: of the page.
    """
    seen = Visit({topic: [] for topic in TOPICS})
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.add_init_script(IN_PAGE)
    listen(page, seen, home)
    page.goto(home + path, wait_until="load")
    page.evaluate("inPage.settled()")
    yield page, seen
    context.close()


def visit(browser: Browser, home: str, path: str) -> Visit:
    """Open a page, look at all of it, and try everything that can be moved; arguments as for `opened`."""
    with opened(browser, home, path) as (page, seen):
        look(page, seen)
    # How a page appears says something about it only if the machine had little else to do just then.
    for _ in range(3):
        late, shifting = seen.first_paint > MAX_FIRST_PAINT * seen.slowness, seen.layout_shift > MAX_LAYOUT_SHIFT
        if not (late or shifting):
            break
        with opened(browser, home, path) as (page, again):
            if shifting:
                page.evaluate("inPage.scrollThrough()")
                page.wait_for_timeout(1000)  # some things move late
            measure_appearance(page, again)
        seen.first_paint = min(seen.first_paint, again.first_paint)
        if shifting:
            seen.layout_shift, seen.moved = min((seen.layout_shift, seen.moved), (again.layout_shift, again.moved))
    if seen.first_paint > MAX_FIRST_PAINT * seen.slowness:
        seen.complaints["first paint"].append(f"{seen.first_paint:.0f} ms until the first text or image")
    if seen.layout_shift > MAX_LAYOUT_SHIFT:
        seen.complaints["layout shift"].append(f"{seen.layout_shift:.3f}; largest: {'; '.join(seen.moved)}")
    return seen


def look(page: Page, seen: Visit) -> None:
    seen.slowness = max(1.0, page.evaluate("inPage.workTime()") / ORDINARY_WORK)
    measure_first_view(page, seen)
    seen.complaints["maths"] = page.evaluate("inPage.maths()")
    seen.complaints["sideways at 1280 px"] = page.evaluate("inPage.sideways()")
    page.evaluate("inPage.scrollThrough()")
    seen.complaints["images"] = page.evaluate("inPage.images()")
    move_sliders(page, seen)

    page.evaluate("inPage.markRepeated()")
    page.evaluate(AXE_SCRIPT)
    seen.complaints["accessibility"] = barriers(page)
    measure_appearance(page, seen)
    measure_weight(page, seen)

    page.set_viewport_size(NARROW)
    seen.complaints["sideways at 390 px"] = page.evaluate("inPage.sideways()")
    for _ in range(5):  # the theme looks after 300 ms, or later, which parts scroll, and lets the keyboard reach them
        page.wait_for_timeout(400)
        seen.complaints["accessibility at 390 px"] = barriers(page, "scrollable-region-focusable")
        if not seen.complaints["accessibility at 390 px"]:
            break
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    seen.complaints["cut off on paper"] = page.evaluate("inPage.sideways(true)")
    page.set_viewport_size(WIDE)
    page.emulate_media(media="screen", color_scheme="dark")
    page.evaluate("inPage.atRest()")  # the theme lets colours fade into each other
    seen.complaints["accessibility in the dark"] = barriers(page, "color-contrast", "link-in-text-block")
    if page.evaluate("document.documentElement.dataset.theme") == "light":
        seen.complaints["accessibility in the dark"].append("the page stays light")


def listen(page: Page, seen: Visit, home: str) -> None:
    """Write down what goes wrong while the page is open; what does not start with `home` is another host."""

    def requested(url: str) -> None:
        if not url.startswith((home, "data:", "blob:")):
            seen.complaints["other hosts"].append(url)

    page.on("console", lambda message: message.type == "error" and seen.complaints["console"].append(message.text))
    page.on("pageerror", lambda error: seen.complaints["console"].append(str(error)))
    page.on("request", lambda request: requested(request.url))
    page.on("requestfailed", lambda request: seen.complaints["requests"].append(f"{request.url}: {request.failure}"))
    page.on(
        "response",
        lambda answer: answer.status >= 400 and seen.complaints["requests"].append(f"{answer.url}: {answer.status}"),
    )


def measure_first_view(page: Page, seen: Visit) -> None:
    found = page.evaluate("inPage.bytes()")
    seen.first_view = found["first"]
    if seen.first_view > MAX_FIRST_VIEW:
        largest = ", ".join(found["largest"])
        seen.complaints["first view"].append(f"{seen.first_view} bytes sent before the load event; largest: {largest}")


def measure_appearance(page: Page, seen: Visit) -> None:
    seen.first_paint = page.evaluate("inPage.firstPaint()")
    shift = page.evaluate("inPage.layoutShift()")
    seen.layout_shift, seen.moved = shift["worst"], shift["moved"]


def measure_weight(page: Page, seen: Visit) -> None:
    found = page.evaluate("inPage.bytes()")
    seen.weight = found["weight"]
    if seen.weight > MAX_WEIGHT:
        seen.complaints["weight"].append(f"{seen.weight} bytes; largest: {', '.join(found['largest'])}")


def move_sliders(page: Page, seen: Visit) -> None:
    seen.complaints["sliders speak"] = page.evaluate("inPage.unlabelled()")
    for k in range(page.evaluate("inPage.nSliders()")):
        slider = page.evaluate("k => inPage.describe(k)", k)
        if page.evaluate("k => inPage.focusSlider(k)", k) is None:
            seen.complaints["sliders move"].append(f"takes no key: {slider}")
            continue
        answers = [answer(page, k)]
        while answers[-1] and answers[-1] > MAX_ANSWER and len(answers) < 3:  # the machine may have been busy
            answers.append(answer(page, k))
        if answers[-1] is None:
            seen.complaints["sliders move"].append(f"moves nothing: {slider}")
            continue
        seen.answers.append(answers[-1])
        if seen.answers[-1] > MAX_ANSWER * seen.slowness:
            seen.complaints["answers"].append(f"{seen.answers[-1]:.0f} ms: {slider}")


def answer(page: Page, k: int) -> float | None:
    """The median of the milliseconds from key to drawing in five moves of slider k; None if nothing moves."""
    times = []
    for _ in range(5):
        page.keyboard.press(page.evaluate("k => inPage.focusSlider(k)", k))
        times.append(page.evaluate("answered"))
    moved = [time for time in times if time is not None]
    return median(moved) if moved else None


def barriers(page: Page, *rules: str) -> list[str]:
    """What axe-core calls serious or critical, by all of its rules or by those that are named."""
    options: dict = {"resultTypes": ["violations"], "preload": False}  # it would ask for style sheets again
    if rules:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = page.evaluate("options => axe.run({ exclude: inPage.repeated }, options)", options)["violations"]
    return [
        f"{violation['id']}: {violation['help']}: {' '.join(node['html'].split())[:160]}: {node['failureSummary']}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
