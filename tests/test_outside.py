"""What the suite missed of the outside sets at a first run, or took for wrong, and does so no more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from conformance.suite import run
from conformance.tour.outcome import whole_of
from conformance.tour.plan import plan
from conformance.tour.run import play_all
from tests.outside import patches
from tests.outside.subjects import harness_of
from tests.sample import CHOICE, SAMPLE

pytestmark = pytest.mark.once

IN_SCENES = (
    ("g.ids-are-unquoted", "ID-03", "spelled with"),
    ("g.total-is-a-sum-over-time", "LIST-03", "listings and an update race"),
    ("g.same-listings-share-a-fate", "ATOM-06", "of list_tasks that are alike are cancelled"),
    ("g.result-window-of-10000", "LIST-04", "offset at its bound"),
    ("i.empty-store-lists-after-closing", "API-03", "after closing an empty store"),
    ("i.equal-configs-are-interned", "VAL-01", "configs that are alike"),
    ("i.ids-are-taken-in-all-instances", "SHARE-02", "two instances have tasks of the same id"),
    ("i.counts-are-cached-until-a-write", "EXP-01", "read before and after an expiry"),
    ("k.refused-create-takes-the-id", "VAL-05", "is met by"),
    ("k.long-listing-is-read-in-steps", "LIST-03", "listings of 110"),
    ("k.two-purges-count-the-same", "MAINT-01", "purge beside purge"),
    ("k.renewals-are-throttled", "EXP-03", "after the creation"),
    ("o.repetition-brings-a-purged-task-back", "ATOM-03", "beside purge"),
)
IN_CASES = {
    "g.watchdogs-of-failed-calls-stay": "COST-05",
    "g.filtered-page-is-read-again": "COST-02",
    "g.long-traceback-is-packed": "SHARE-03",
    "g.known-requests-are-of-the-class": "LIST-10",
    "i.get-is-stale-if-the-server-fails": "FAIL-01",
    "i.large-new-records-are-compressed": "SHARE-03",
    "i.refused-updates-are-made-later": "FAIL-06",
    "k.large-configs-are-spooled": "COST-05",
    "k.count-is-zero-if-the-server-fails": "FAIL-12",
    "k.create-asks-whether-the-id-is-free": "COST-02",
    "k.full-server-is-purged": "FAIL-06",
}
PATCHED_H = {
    "dotenv-into-environ": "MODE-07",
    "empty-variable-is-unset": "MODE-03",
    "same-value-twice-is-no-warning": "MODE-11",
    "file-before-values": "MODE-12",
    "validation-error-in-chain": "(opening or passwords)",
    "advice-with-the-url": "(opening or passwords)",
    "address-with-options": "(opening or passwords)",
    "url-drops-the-password-setting": "MODE-17",
    "silence-at-opening-is-tolerated": "(opening or passwords)",
    "url-is-read-by-redis-py": "MODE-08",
    "purge-forgets-what-it-removed": "a_purge_that_fails_halfway_denies_no_write",
    "too-few-replicas-is-nothing-written": "that_too_few_replicas_have_may_have_happened",
    "updates-renew-for-a-week": "EXP-07",
    "moves-to-a-new-loop": "API-04",
    "large-pages-in-a-thread": "MODE-08",
    "two-purges-meet": "ATOM-06",
}
PATCHED_J = {
    "database-of-two-digits-at-most": "a_database_of_any_number_may_be_named",
    "eviction-warning-shows-the-url": "a_password_is_not_logged_at_opening",
    "handshake-error-repeats-the-password": "a_failed_opening_does_not_show_the_password",
    "lost-reply-keeps-the-connection-open": "after_a_failure_everybody_is_served",
    "refused-wait-says-nothing-was-written": "a_write_whose_replicas_cannot_be_asked_for_may_have_happened",
    "read-only-server-is-kept": "an_open_store_leaves_a_server_that_was_replaced",
    "lost-reply-repeats-the-write": "a_write_whose_answer_is_lost_takes_effect_once_at_most",
    "update-takes-a-newer-record": "what_a_get_cannot_read_no_write_takes",
    "removed-record-of-a-large-page-is-counted": "a_removed_record_among_large_ones_is_not_counted",
    "closed-loop-is-replaced": "a_store_does_not_move_to_another_event_loop",
    "refilled-index-starts-lifetimes-anew": "a_task_expires_though_an_index_of_it_was_evicted",
    "failed-write-leaves-its-indexes": "a_refusal_denies_no_write",
    "failed-sweep-denies-the-write": "a_refusal_denies_no_write",
}
PATCHED_L = {
    "listing-sweeps-once": "nothing_is_left_of_many_that_expire_together",
    "failed-connecting-is-kept": "an_open_store_works_again_when_the_server_is_back",
    "prefix-without-the-colon-at-its-end": "prefixes_that_are_nearly_the_same_are_not",
    "debug-log-with-the-url": "a_password_is_not_logged_at_opening",
    "scripts-are-sent-once": "an_open_store_goes_on_with_a_server_that_was_started_again",
    "lost-reads-of-a-large-page-are-left-out": "a_large_page_that_is_cut_off_leaves_nothing_out",
    "rebuilding-takes-the-first-of-each-step": "many_tasks_are_listed_though_an_index_was_evicted",
}
PATCHED_P = {
    "redis-url-alone-selects-redis": "unset_means_memory",
    "times-in-the-zone-of-the-machine": "in_utc_wherever_the_machine_is",
    "malformed-value-is-quoted": "malformed_settings_are_named",
    "scripts-are-loaded-once": "goes_on_with_a_server_that_was_started_again",
    "closing-waits-for-replies": "closing_ends_the_calls_that_still_wait",
    "database-0-after-a-reconnect": "host_port_and_database_say_where_redis_is",
    "forked-workers-share-their-random-numbers": "forked_processes_make_other_ids",
}
PATCHED_R = {"migration-stops-at-the-first-known-task": "a_migration_that_broke_off_is_completed"}
PATCHED_Q = {"given-up-connection-waits-for-its-replies": "failures_leave_nothing_behind"}
PATCHED_U = {"database-of-one-digit": "host_port_and_database_say_where_redis_is"}
PATCHED_V = {
    "env-file-cached-within-a-second": "a_change_of_dotenv_takes_effect_at_the_next_opening",
    "sweep-before-write-when-out-of-memory": "out_of_memory_is_said",
    "strange-exists-means-not-found": "answers_to_something_else_are_not_not_found",
}
PATCHED_W = {
    "ghosts-by-type": "what_cannot_be_read_is_not_taken_for_removed",
    "february-by-the-wrong-year": "dates_are_told_apart_after_an_eviction",
}
PATCHED_X = {
    "sweep-takes-the-last-millisecond": "last_millisecond_of_its_lifetime",
    "small-steps-of-the-clock-pass": "a_clock_that_is_a_little_behind",
    "emoji-cost-a-second-request": "every_operation_is_one_request",
}
PATCHED_Y = {"purge-of-a-list-made-before": "a_purge_spares_what_took_an_id_meanwhile"}
PATCHED = {
    "h": PATCHED_H,
    "j": PATCHED_J,
    "l": PATCHED_L,
    "p": PATCHED_P,
    "q": PATCHED_Q,
    "r": PATCHED_R,
    "u": PATCHED_U,
    "v": PATCHED_V,
    "w": PATCHED_W,
    "x": PATCHED_X,
    "y": PATCHED_Y,
}
RIGHT = ("g.clock-of-milliseconds", "g.completed-before-it-is-written")


@pytest.mark.parametrize(("name", "requirement", "words"), IN_SCENES, ids=[one[0] for one in IN_SCENES])
def test_a_fault_is_found_in_scenes_of_the_tour(name: str, requirement: str, words: str) -> None:
    """Some of the scenes with these words in their names break the requirement that the author cites."""
    harness = harness_of(*name.split("."))
    with harness.running():
        scenes = [scene for scene in plan(1) if words in scene.name]
        tour = whole_of([asyncio.run(play_all(harness, scenes))])
    assert tour.against(requirement)


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outside sets can be imported, and no other package of this repository."""
    Path(tmp_path, "tests").symlink_to(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(("name", "number"), IN_CASES.items())
def test_a_fault_is_found_by_a_case(name: str, number: str) -> None:
    """It fails in a readable case of the requirement that the author cites."""
    results = run([f"tests.outside.subjects:{name}"], ("--conformance-partial", "-k", f"{number} and not requirement_"))
    assert any(number in one.requirements for one in results.results if one.verdict == "fail")


@pytest.mark.usefixtures("found")
def test_right_variants_pass() -> None:
    """No readable case fails on them."""
    stores = [f"tests.outside.subjects:{name}" for name in RIGHT]
    results = run(stores, ("--conformance-partial", "-k", "not requirement_"))
    for store in stores:
        verdicts = {one.verdict for one in results.on(store).values()}
        assert "pass" in verdicts
        assert verdicts.isdisjoint({"fail", "harness-error"})


@pytest.mark.usefixtures("few_plugins")
def test_patches_are_found_by_cases() -> None:
    """Each patch fails in a readable case of the requirement that the author cites; a third of them, by chance."""
    every = [(which, *one) for which, some in PATCHED.items() for one in some.items()]
    verdicts = [
        patches.judge(patches.read(which, [name])[0], 1, f"{words} and not requirement_")
        for which, name, words in CHOICE.sample(every, len(every) // 3)
    ]
    assert [one["name"] for one in verdicts if not one["cited"]] == [], f"CONFORMANCE_SAMPLE={SAMPLE} chooses the same"


@pytest.mark.parametrize("which", patches.names())
def test_every_patch_still_applies(which: str, tmp_path: Path) -> None:
    """What it replaces is in the source as often as it says: once."""
    for number, entry in enumerate(patches.read(which, [])):
        patches.copy(tmp_path / str(number), entry)
