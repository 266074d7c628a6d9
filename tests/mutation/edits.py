"""Dangerous edits made by hand, by the quick test that must notice each: what mutmut does not change (constants,
defaults, contracts), and lines of modules that ``run.py`` does not cover. Any of them would open the gate a little."""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """In ``module``, the text ``before``, which stands there once, becomes ``after``; then ``test`` must fail."""

    module: str
    before: str
    after: str
    test: str

    def __str__(self) -> str:
        return f"{self.module}: {' '.join(self.before.split())} -> {' '.join(self.after.split())}"


QUARANTINE = "core/test_quarantine.py::test"
PASSES = "core/test_passes.py::test"
STANDING = "core/test_standing.py::test"
SESSIONS = "core/test_sessions.py::test"
LIMITER = "core/test_limiter.py::test"
CHALLENGES = "core/test_challenges.py::test"
NUMBERS = "core/test_numbers.py::test"
PIVOT = "attacks/test_pivot.py::test"
HELD = "attacks/test_withholding.py::test"
REVIEW = "attacks/test_found_by_review.py::test"
ADOPTION = "forward/test_adoption.py::test"
FORWARD = "forward/test_auth.py::test"
QUICK = "attacks/test_quick_ways.py::test"
GATE = "core/test_gate.py::test"
UNREAD = "gateway/test_unread.py::test"
TOTP = "test_totp.py::"
EMAIL = "test_email_verifier.py::"
RECOVERY = "test_recovery.py::"

NOTICED: dict[str, list[tuple[str, str, str]]] = {
    # What a login holds is nobody else's.
    f"{QUARANTINE}_it_lasts_longer_than_any_pass_and_any_visitor": [
        ("quarantine", "self._ttl = lifetime + 2 * VISITOR_LIFETIME", "self._ttl = lifetime"),
    ],
    f"{QUARANTINE}_what_one_login_holds_is_forwarded_for_nobody": [
        ("quarantine", "mine = bool(before) and", "mine = not before or"),
        ("quarantine", "entry is not None and entry.value != browser.encode()", "False"),
    ],
    f"{QUARANTINE}_after_a_failed_login_its_values_are_that_browser_s_alone": [
        ("quarantine", "if entry and entry.value == owner.encode():", "if entry:"),
    ],
    f"{QUARANTINE}_what_a_login_past_the_gate_took_is_nobodys": [
        ("quarantine", "return before - {_SEIZED.decode()}", "return before"),
    ],
    f"{QUARANTINE}_a_constant_that_every_visitor_gets_is_nobodys": [
        ("quarantine", "if first and first.value != browser.encode():", "if first:"),
    ],
    # A pass ends when it should, everywhere, and stays ended.
    f"{PASSES}_it_ends_by_age_and_by_idleness_whichever_is_first": [
        ("passrecord", "return min(self.until, self.seen + self.idle)", "return max(self.until, self.seen)"),
    ],
    f"{PASSES}_a_verdict_ends_with_its_pass": [
        ("passes", "found is not None and found.since <= now < found.until", "found"),
    ],
    f"{PASSES}_a_verdict_that_was_worked_out_while_something_ended_is_not_kept": [
        (
            "verdicts",
            "into[realm, header, verdict.authorization] =",
            "self.known[realm, header, verdict.authorization] =",
        ),
    ],
    f"{PASSES}_a_verdict_of_an_ended_pass_is_gone_at_once_here_and_soon_elsewhere": [
        ("verdicts", "self._store.incr(_GENERATION, ttl=10 * 365 * 86400)", "pass"),
    ],
    f"{PASSES}_a_change_that_cannot_be_kept_is_an_error": [
        ("passes", "ttl=ttl, version=entry.version):", "ttl=ttl):"),
    ],
    f"{PASSES}_a_suspended_pass_serves_nobody_until_it_is_resumed": [
        ("passes", "time.sleep(1.1 * POLL)", "time.sleep(0)"),
    ],
    f"{PASSES}_a_pass_that_ends_while_it_is_aside_stays_ended": [
        ("passes", "_aside(record.realm, record.id)) and back:", "_aside(record.realm, record.id)) and False:"),
    ],
    f"{PASSES}_beyond_the_limit_the_oldest_ends": [
        ("passes", "len(others) + 1 - limit", "len(others) - limit"),
    ],
    # What a session is worth.
    f"{STANDING}_a_pass_ends_by_idleness_and_by_age": [
        ("standing", "if record is None or not record.live(now):", "if record is None:"),
    ],
    f"{STANDING}_a_change_of_the_factors_ends_it": [
        ("standing", "if record.fingerprint == print_:", "if True or record.fingerprint == print_:"),
    ],
    f"{STANDING}_what_was_seen_under_changed_accounts_is_not_kept": [
        ("verdicts", "if self._seen is None or self._seen[1] == stamp:", "if True:"),
    ],
    f"{STANDING}_a_changed_account_counts_at_every_look": [
        ("standing", "if stamp is None or stamp != told or", "if stamp is None or"),
    ],
    f"{STANDING}_an_account_that_changes_while_it_is_read_is_read_again": [
        ("standing", "verdict.stamp = stamp if stamp == told else None", "verdict.stamp = stamp"),
    ],
    f"{STANDING}_a_pass_vouches_for_its_own_cookies_alone": [
        (
            "adoption",
            "for name, value in own.items() if not realm.tags.bound(",
            "for name, value in own.items() if () and (",
        ),
        ("adoption", "return bool(set(_tags(realm, jar, header)) & set(record.jars))", "return True"),
    ],
    f"{STANDING}_a_kept_cookie_that_the_application_set_too_may_change": [
        ("adoption", "if ours and (name not in realm.settings.keep or", "if ours and (True or"),
    ],
    f"{STANDING}_what_the_hot_path_does_not_serve": [
        ("standing", 'environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS")', "False"),
    ],
    f"{STANDING}_a_login_waits_as_long_as_its_challenge": [
        ("standing", "if session.state == PENDING and not self._services", "if not session and not self._services"),
    ],
    f"{STANDING}_a_pass_of_the_password_alone_is_not_renewed": [
        ("standing", "or not record.proved:", "or False:"),
    ],
    f"{STANDING}_a_pass_is_not_renewed_for_another_session_of_the_application": [
        (
            "standing",
            "return record if same and vouches(realm, record, jar) else None",
            "return record if same else None",
        ),
    ],
    # What goes past the gate.
    f"{ADOPTION}_cookies_that_name_another_together_end_the_pass": [
        ("adoption", "if name != record.names:", "if not name:"),
    ],
    f"{ADOPTION}_a_session_that_another_login_holds_is_not_taken": [
        ("adoption", "if realm.quarantine.acquire(record.owner, news, record.owner) != news:", "if not news:"),
    ],
    f"{ADOPTION}_one_cookie_is_not_taken_in_the_shelter_of_another": [
        ("adoption", 'if name not in ("", record.names):', "if not limit:"),
    ],
    f"{ADOPTION}_a_pass_that_took_one_set_takes_no_other_unasked": [
        ("adoption", "if not _unbound(realm, record, jar):", "if not _unbound(realm, record, jar) or record.jars:"),
    ],
    f"{FORWARD}_nobody_else_finds_such_a_page": [
        ("forward", "return bool(given.isascii()) and hmac.compare_digest(given, self._secret)", "return True"),
    ],
    f"{FORWARD}_all_else_goes_through_the_gate": [
        ("forward", "return not dropped and not misleading and", "return not misleading and"),
        ("forward", "return not _acts(request) and not careful and", "return not careful and"),
    ],
    # Bodies that nobody looked at.
    f"{QUICK}_a_body_that_nobody_announced_is_read": [
        ("routes", 'or asked[-1] not in ("HTTP/1.1", "HTTP/1.0")', ""),
        ("middleware", "self._with_care(forms.announced(environ),", "self._with_care(environ,"),
    ],
    f"{QUICK}_a_session_cookie_that_came_later_ends_its_pass_too": [
        ("standing", "(known.record is made.record if made else self._heard(known.record, named))", "True"),
    ],
    f"{UNREAD}_a_body_says_that_nothing_follows": [
        ("proxy_request", 'return {**framing, "Connection": "close"}', "return framing"),
    ],
    f"{GATE}_a_body_that_no_browser_sends_goes_nowhere_without_a_pass": [
        ("gate", "return REFUSE if facts.stray else FORWARD_VISITOR", "return FORWARD_VISITOR"),
        ("gate", "facts.readable and not facts.stray:", "facts.readable:"),
    ],
    # A login on its way.
    f"{PIVOT}_a_listed_door_voids_the_pass_first": [
        ("attempts", "self._services.passes.revoke(record)", "pass"),
    ],
    f"{REVIEW}_a_greeting_is_no_login_of_the_name_that_was_typed": [
        ("attempts", "attempt = replace(attempt, jar={})", "pass"),
    ],
    f"{REVIEW}_a_shown_name_takes_over_nobody": [
        ("attempts", "return attempt.name if spared else named", "return named"),
    ],
    f"{HELD}_what_the_browser_makes_of_the_answer_changes_nothing": [
        ("attempts", "if step == PASS:", "if step != ENROL:"),
    ],
    f"{REVIEW}_nobody_gets_a_pass_by_a_redirect_that_whoami_does_not_confirm": [
        ("attempts", "if step != CHALLENGE and attempt.realm.rule.asks and not judged.named:", "if False:"),
    ],
    f"{REVIEW}_what_a_hidden_login_left_is_not_bound_into_the_pass_of_another": [
        ("attempts", "marked = self._marked(attempt, attempt.visitor, judged)", "marked = attempt.visitor"),
    ],
    # Counting and using up.
    f"{LIMITER}_a_success_does_not_clear_what_was_in_30_days": [
        ("limiter", "WINDOW_DAYS = 30", "WINDOW_DAYS = 29"),
    ],
    f"{LIMITER}_after_100_in_a_row_a_factor_is_off_until_it_is_bound_anew": [
        ("limiter", "_KEEP = 100 * 365 * DAY", "_KEEP = DAY"),
    ],
    f"{LIMITER}_a_factor_rests_alone_and_the_account_after_twenty": [
        ("limiter", '_ACCOUNT = "*"', '_ACCOUNT = "totp"'),
    ],
    f"{CHALLENGES}_nothing_of_it_can_be_read_in_the_store_or_in_a_repr": [
        ("challenges", "jar: Mapping[str, str] = field(default_factory=dict, repr=False)", "jar: Any = None"),
        ("challenges", "state: Mapping[str, Any] = field(default_factory=dict, repr=False)", "state: Any = None"),
    ],
    f"{SESSIONS}_a_deletion_leaves_a_tombstone_that_vouches_for_nothing": [
        ("sessions", '_TOMBSTONE = ""', '_TOMBSTONE = "x"'),
    ],
    # Numbers.
    f"{NUMBERS}_a_number_is_what_was_promised": [
        ("sessions", "VISITOR_LIFETIME = 24 * 3600", "VISITOR_LIFETIME = 2400 * 3600"),
        ("challenges", "MAX_WAITING = 40", "MAX_WAITING = 4000"),
        ("quarantine", "SHORT = 20", "SHORT = 200"),
        ("verifiers.recovery", "COST = 2**8", "COST = 2"),
        ("verifiers.email", "LONGEST = 600", "LONGEST = 6000"),
    ],
    # Factors.
    f"{TOTP}TestWindow::test_no_setting_opens_more_than_two_steps": [
        ("verifiers.totp", 'key(count(0, 2), "how many codes back', 'key(count(0, 9), "how many codes back'),
        ("verifiers.totp", 'key(count(0, 2), "how many codes ahead', 'key(count(0, 9), "how many codes ahead'),
    ],
    f"{TOTP}TestWindow::test_the_first_and_the_last_second_of_a_code": [
        ("verifiers.totp", 'slow clocks and slow fingers", 1)', 'slow clocks and slow fingers", 2)'),
        ("verifiers.totp", 'for fast clocks", 1)', 'for fast clocks", 2)'),
    ],
    f"{RECOVERY}test_it_is_a_verifier_beside_others": [
        ("verifiers.recovery", "primary = False", "primary = True"),
        ("verifiers.base", "@runtime_checkable\n", ""),
    ],
    # What the contract of verifiers keeps out of logs, and what it says where an author says nothing.
    f"{TOTP}TestEnrolment::test_no_repr_shows_the_seed": [
        ("verifiers.base", "facts: Mapping[str, Any] = field(default_factory=dict, repr=False)", "facts: Any = None"),
        ("verifiers.base", "state: State = field(default_factory=dict, repr=False)", "state: Any = None"),
    ],
    f"{RECOVERY}TestMaking::test_no_repr_shows_a_code": [
        ("verifiers.base", "show: tuple[str, ...] = field(default=(), repr=False)", "show: tuple[str, ...] = ()"),
    ],
    f"{EMAIL}TestChallenge::test_the_page_shows_the_address_masked": [
        ("verifiers.base", 'field_name: str = "code"', 'field_name: str = "answer"'),
        ("verifiers.base", "numeric: bool = True", "numeric: bool = False"),
    ],
}

EDITS = [Edit(*edit, test) for test, edits in NOTICED.items() for edit in edits]
