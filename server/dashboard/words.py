"""Numbers and states as sentences: plain, exact, unexcited. No estimate is spoken of without its interval."""

import math
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Context

from server.services.estimate_pages import EstimatePage, ItemRow
from server.services.outlooks import Disclosure, Outlook

__all__ = [
    "MINUS",
    "REVEALING_ODDS",
    "at_most",
    "capital",
    "count",
    "day",
    "disclosure_sentence",
    "ends_disclosure_sentence",
    "headline",
    "interval_text",
    "mechanism_name",
    "moment",
    "odds_sentence",
    "percent",
    "points",
    "progress_sentence",
    "reveals",
    "row_note",
    "sentence",
    "share_text",
    "signed",
    "times",
    "too_few",
]

MINUS = "−"
_DAY = 86_400
REVEALING_ODDS = 400.0


def count(number: float) -> str:
    """12,400."""
    return f"{number:,.0f}"


def percent(share: float, error: float) -> str:
    """A share in percent, with the decimals that its standard error deserves: two of its digits.

    >>> percent(0.0607, 0.0026), percent(-0.004, 0.0076)
    ('6.07 %', '−0.40 %')
    """
    decimals = _decimals(error)
    text = f"{100 * abs(share):.{decimals}f}"
    sign = MINUS if share < 0 and float(text) else ""
    return f"{sign}{text} %"


def signed(value: float, error: float) -> str:
    """A number with the decimals that its standard error deserves: two of its digits.

    >>> signed(-0.02424, 0.0194), signed(12.31, 0.5)
    ('−0.024', '12.31')
    """
    decimals = _decimals(error / 100)
    text = f"{abs(value):.{decimals}f}"
    return f"{MINUS if value < 0 and float(text) else ''}{text}"


def _decimals(error: float) -> int:
    if not 0 < error < math.inf:
        return 2
    return min(6, max(0, 1 - math.floor(math.log10(100 * error))))


def share_text(row: ItemRow) -> str:
    """An item's estimate."""
    return percent(row.estimate, row.standard_error)


def interval_text(row: ItemRow) -> str:
    """An item's interval."""
    return f"{percent(row.low, row.standard_error)} to {percent(row.high, row.standard_error)}"


def points(half_width: float) -> str:
    """A half width in percentage points, two digits.

    >>> points(0.0102), points(0.01), points(0.00234)
    ('±1 point', '±1 point', '±0.23 points')
    """
    text = f"{100 * half_width:.2g}"
    if "e" in text:
        text = f"{float(text):f}".rstrip("0").rstrip(".")
    return f"±{text} {'point' if text == '1' else 'points'}"


def day(moment: float) -> str:
    """A day in UTC, such as 24 November 2026."""
    when = datetime.fromtimestamp(moment, UTC)
    return f"{when.day} {when:%B %Y}"


def moment(seconds: float, precision: float) -> str:
    """A moment in UTC, with the hour where the precision, in seconds, is finer than a day."""
    if precision >= _DAY:
        return day(seconds)
    return f"{day(seconds)}, {datetime.fromtimestamp(seconds, UTC):%H:%M}"


def mechanism_name(name: str) -> str:
    """A registry name for people."""
    return name.replace("_", " ")


def headline(page: EstimatePage) -> str:
    """The finding, told no stronger than it is."""
    row, contenders = page.leader.row, page.leader.contenders
    numbers = f"{share_text(row)} ({interval_text(row)})"
    if page.above == 0:
        return (
            f"Nothing stands out yet. The largest estimate is “{row.item}” with {numbers}, and noise alone reaches "
            f"{percent(page.noise_floor, row.standard_error)}."
        )
    if contenders == 1:
        return f"“{row.item}” is the most common answer: {numbers}."
    others = "1 other answer" if contenders == 2 else f"{count(contenders - 1)} other answers"
    return f"“{row.item}” leads with {numbers}, but {others} may be more common."


def sentence(text: str) -> str:
    """A text with a capital and a full stop, whatever it had.

    >>> sentence("nothing was found"), sentence("Nothing was found.")
    ('Nothing was found.', 'Nothing was found.')
    """
    return f"{capital(text).rstrip('.')}." if text else ""


def capital(text: str) -> str:
    """A text with a capital at its beginning, the rest as it is."""
    return text[:1].upper() + text[1:]


def row_note(row: ItemRow) -> str:
    """What a row's numbers mean, where they need a word."""
    if row.estimate < 0:
        return "Below zero: too close to zero to tell. Negative values are normal before rounding to valid shares."
    if not row.above_noise_floor:
        return "Not above the noise floor: it may be zero."
    return ""


def too_few(outlook: Outlook, need: int) -> str:
    """What is missing before numbers can be shown."""
    if outlook.rows is not None:
        return _too_few_labels(outlook, need)
    target = f"about {count(outlook.phones_for_target)} give {points(outlook.target)}"
    if outlook.half_width is None:
        return f"No reports yet. Numbers appear with the first one; {target}."
    if outlook.n < need:
        return f"Not enough reports yet. This collection shows nothing below {count(need)} reports and has {count(outlook.n)}; {target}."
    return f"With {_reports(outlook.n)} the error of a rare answer is {points(outlook.half_width)}" + (
        f"; {target}." if outlook.n < outlook.phones_for_target else "."
    )


def _too_few_labels(outlook: Outlook, need: int) -> str:
    if outlook.n == 0:
        return "No reports yet. The mean label appears with the first one; each row alone says little."
    return f"Not enough reports yet. This collection shows nothing below {_reports(need)} and has {count(outlook.n)}."


def _reports(n: int) -> str:
    return "1 report" if n == 1 else f"{count(n)} reports"


def progress_sentence(state: str, outlook: Outlook) -> str:
    """Where a collection stands, in one line."""
    if state == "draft":
        return "Draft: takes no reports until it is opened."
    have = count(outlook.n)
    word = {"open": "Collecting", "paused": "Paused", "closed": "Closed"}[state]
    if outlook.rows is not None:
        return f"{word}: {_reports(outlook.n)} about {count(outlook.rows)} rows."
    if outlook.n >= outlook.phones_for_target:
        assert outlook.half_width is not None, "phones_for_target is at least 1"
        return f"{word}: {have} phones, {points(outlook.half_width)} for a rare answer."
    return f"{word}: {have} of about {count(outlook.phones_for_target)} phones for {points(outlook.target)}."


def odds_sentence(epsilon: str, odds: float, told: str = "answer") -> str:
    """Epsilon as odds. told: what a phone tells privately."""
    return (
        f"Privacy loss ε = {epsilon}. Seeing one report can change the odds about that phone's true {told} "
        f"by at most {times(odds)}×."
    )


def times(odds: float) -> str:
    """A factor that is said to be the most: rounded up, to three digits below two and two below ten.

    >>> times(1.0101), times(2.718), times(54.6), times(22026.5)
    ('1.02', '2.8', '55', '22,027')
    """
    return at_most(odds, 3 if odds < 2 else 2) if odds < 10 else count(math.ceil(odds))


def at_most(value: float, digits: int = 2) -> str:
    """A positive number that is said to be the most, with so many digits: rounded up.

    >>> at_most(0.0331), at_most(3.31), at_most(2.0)
    ('0.034', '3.4', '2')
    """
    return f"{Context(prec=digits, rounding=ROUND_CEILING).create_decimal_from_float(value):f}"


def reveals(disclosure: Disclosure) -> bool:
    """Does a report usually reveal the answer? Then the page says so: epsilon is about 6 or more."""
    return disclosure.odds > REVEALING_ODDS


def disclosure_sentence(disclosure: Disclosure) -> str:
    """Epsilon as people."""
    return (
        f"Of 100 phones that hold an answer, about {disclosure.own:.0f} send a message that speaks for it; "
        f"of 100 phones that hold another one, about {disclosure.other:.0f} do so by chance."
    )


def ends_disclosure_sentence(disclosure: Disclosure) -> str:
    """Epsilon as people, where a report says to which end a label was rounded."""
    return (
        f"Of 100 phones whose label is one end, about {disclosure.own:.0f} send a message that speaks for this end; "
        f"of 100 phones whose label is the other end, about {disclosure.other:.0f} do so by chance."
    )
