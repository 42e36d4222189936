"""Building a set: make, drop, look at what is missing, aim, make again; then judge it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Unpack

from synthaudit.auditing.image_reader import ImageReader, open_reader
from synthaudit.auditing.route import STEERING
from synthaudit.building.aiming import Aim, Aimer, build_seed
from synthaudit.building.assessment import BY_A_PERSON, Assessment, audit_chosen, choose, sort_out
from synthaudit.building.ledger import Candidate, Drop, Round
from synthaudit.building.making import MadeRound, make_round
from synthaudit.building.preparation import Opened, open_build, read_ground
from synthaudit.building.quota import told
from synthaudit.building.result import Build
from synthaudit.building.verdict import Judgement, Outcome, is_stalled, judge_set, lacking
from synthaudit.building.writing import write_set
from synthaudit.embedding.choice import take_embedder
from synthaudit.options import Options
from synthaudit.progress import LOGGER, Progress, listening
from synthaudit.registry import nearest_name
from synthaudit.settings import Settings, make_settings
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.running import engine_of

_ROUNDING: Final = 1e-9


def build(
    plan: str | Path | Plan,
    *,
    out: str | Path,
    sweep: str | Path | None = None,
    add_to: str | Path | None = None,
    decisions: str | Path | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
    **options: Unpack[Options],
) -> Build:
    """Make a set of images that passes a policy, or say why it cannot be made.

    Half of the real images steers: what is dropped, what is missed, what is aimed at. The other
    half judges the finished set. The same call goes on where an earlier one was ended.

    Args:
        plan: a file with ``build``, or a plan that was read.
        out: folder of the set; what it holds is used again.
        sweep: folder of a sweep of the plan, whose recommendation is taken. Without one a plan with
            several arms is swept first, on the steering half.
        add_to: a folder of synthetic images that count, so far as they are good; nothing in it is
            changed.
        decisions: a CSV of ``path,is_kept,reason`` on images of the set; by default what the page
            of its report has left beside it.
        progress: told of the work as it goes.
        settings: of the audits, made before.
        options: the fields of ``Settings``, by name; they go before ``settings``.

    Returns:
        ``Build``, which has also been written.

    Raises:
        PlanError, UsageError, PolicyError, DataError, EmbedderError: it cannot be built.
        GeneratorError: nothing at all can be made.
        StorageError: there is no room; what is made stays.
    """
    named, embedder = take_embedder(options)
    ground = read_ground(plan, Path(out), decisions, make_settings(named, settings))
    with (
        listening(progress) as listener,
        open_reader(ground.settings, listener, embedder) as reader,
        open_build(ground, reader, sweep=sweep, add_to=add_to) as opened,
    ):
        return _Builder(opened, reader).run()


class _Builder:
    """One run of a build."""

    def __init__(self, opened: Opened, reader: ImageReader) -> None:
        self.opened, ground = opened, opened.ground
        self.ground, self.halves, self.ledger = ground, opened.halves, opened.ledger
        self.store, self.given, self.swept = opened.store, opened.given, opened.swept
        self.reader, self.progress = reader, reader.progress
        self.prepared, self.quotas = opened.prepared, opened.quotas
        self.aimer = Aimer(
            self.prepared,
            self.prepared.arms[0],
            build_seed(ground.plan.seed),
            references=len(self.halves.steering.entries),
        )
        self.engine = engine_of(self.prepared)
        own = ground.decisions
        self.decisions = own if own.dropped or own.kept else None
        self.failure: str | None = None
        self.began = time.monotonic()
        self.before = self.ledger.seconds + self.swept.seconds

    def run(self) -> Build:
        """Rounds until it is enough, or no use; then the judging."""
        self._heed_decisions()
        if self.given:
            self._judge_given()
        assessed = self._assess()
        judgement = self._judge(assessed)
        while (outcome := self._outcome(assessed, judgement)) is None:
            assessed, judgement = self._round(assessed)
        return self._finish(assessed, outcome)

    def _heed_decisions(self) -> None:
        """What a person drops is out; what a person keeps is in, whatever was found."""
        decisions, ledger = self.ground.decisions, self.ledger
        for path in decisions.kept & ledger.drops.keys():
            del ledger.drops[path]
        for path, reason in decisions.dropped.items():
            if path in ledger.candidates:
                ledger.drops[path] = Drop(reason=reason or BY_A_PERSON, round=ledger.last)

    def _judge_given(self) -> None:
        """Sort out what was given: as round 0, or later as a round that makes nothing."""
        start, ledger = time.monotonic(), self.ledger
        number = ledger.last + 1 if ledger.rounds else 0
        given = [replace(own, round=number) for own in self.given]
        everyone = [*ledger.left(), *given]
        drops = self._drops(everyone, number)
        assessed = self._assess([own for own in everyone if own.path not in drops])
        aim = Aim(jobs=[], told=[f"Judging the {len(given):,} images that were given."])
        made = MadeRound(candidates=given)
        self._record(number, aim, made, drops, assessed=assessed, judgement=None, start=start)

    def _drops(self, candidates: Sequence[Candidate], number: int) -> dict[str, Drop]:
        self.progress.start(f"round {number}: judging images", 0)
        found = sort_out(
            self.ledger.collection(candidates),
            self.halves.steering,
            self.reader,
            self.decisions,
        )
        unwanted = {
            own.path: self._no_class(own.subject)
            for own in candidates
            if own.subject not in self.quotas
        }
        return {path: Drop(reason=why, round=number) for path, why in (found | unwanted).items()}

    def _no_class(self, subject: str | None) -> str:
        """Why an image of no class of the plan is none of the set."""
        if subject is None:
            return "it lies in no class folder"
        known = [name for name in self.quotas if name is not None]
        return f"its class {subject!r} is none of the plan's; {nearest_name(subject, known)}"

    def _assess(self, candidates: Sequence[Candidate] | None = None) -> Assessment:
        """What is there, and what it lacks."""
        left = list(self.ledger.left()) if candidates is None else list(candidates)
        if not left:
            return Assessment(chosen=[])
        chosen, missed, uncovered = choose(
            left, self.ledger, self.prepared.real, self.reader, self.quotas
        )
        full = self._is_full(chosen)
        audit = audit_chosen(
            chosen,
            self.ledger,
            self.halves.steering,
            self.reader,
            decisions=self.decisions,
            # The gate, which needs all of it, is asked once the quotas are full.
            steps=None if full else STEERING,
        )
        return Assessment(chosen=chosen, missed=missed, uncovered=uncovered, audit=audit)

    def _is_full(self, chosen: Sequence[Candidate]) -> bool:
        there = Counter(own.subject for own in chosen)
        return all(there[name] >= quota for name, quota in self.quotas.items())

    def _judge(self, assessed: Assessment) -> Judgement | None:
        """What the gate says by the steering half; None before all quotas are full."""
        if assessed.audit is None or not self._is_full(assessed.chosen):
            return None
        return judge_set(assessed.contents, self.ground.policy)

    def _outcome(self, assessed: Assessment, judgement: Judgement | None) -> Outcome | None:
        """Whether it ends here, and how it looks without the judging half."""
        ledger, plan = self.ledger, self.ground.plan
        assert plan.build is not None
        if judgement is not None and judgement.passes:
            return Outcome(state="passes", why=[])
        quota = told(assessed.there, self.quotas)
        reasons = lacking(quota, ledger) if judgement is None else list(judgement.why)
        if (spent := self._spent()) is not None:
            return Outcome(state="spent", why=[spent, *reasons])
        done = sum(own.made > 0 for own in ledger.present)
        state = "incomplete" if judgement is None else "rejected"
        if done >= plan.build.rounds:
            lead = f"All rounds are done, of which the plan allows {plan.build.rounds}."
            return Outcome(state=state, why=[lead, *reasons])  # type: ignore[arg-type]
        if is_stalled(ledger.present):
            lead = "Further rounds no longer help."
            return Outcome(state=state, why=[lead, *reasons])  # type: ignore[arg-type]
        return None

    def _spent(self) -> str | None:
        """Which part of the budget is used up, or that the generator gives no more."""
        budget, ledger = self.ground.plan.budget, self.ledger
        if self.failure is not None:
            return f"The generator fails: {self.failure}"
        if budget.images is not None and ledger.made + self.swept.images >= budget.images:
            return f"The budget of {budget.images:,} images is spent."
        if budget.hours is not None and self._hours() >= budget.hours:
            return f"The budget of {budget.hours:g} hours is spent."
        price = self.prepared.price or 0.0
        spent = self.store.money() + self.swept.money
        if budget.money is not None and spent > budget.money - price + _ROUNDING:
            return f"The budget of {budget.money:g} is spent."
        return None

    def _hours(self) -> float:
        """What this set has taken, in all its runs."""
        return float(self.before + time.monotonic() - self.began) / 3600.0

    def _round(self, assessed: Assessment) -> tuple[Assessment, Judgement | None]:
        """Make, drop, take stock."""
        ledger, budget, start = self.ledger, self.ground.plan.budget, time.monotonic()
        number = ledger.last + 1
        made_before = ledger.made + self.swept.images
        most = None if budget.images is None else budget.images - made_before
        aim = self.aimer.aim(assessed, ledger, self.quotas, most=most)
        made = make_round(
            aim.jobs,
            number=number,
            prepared=self.prepared,
            store=self.store,
            engine=self.engine,
            hours=None if budget.hours is None else max(budget.hours - self._hours(), 1e-6),
            money=None if budget.money is None else budget.money - self.swept.money,
            progress=self.progress,
        )
        if made.failure is not None:
            if not made.candidates and not ledger.candidates:
                raise made.failure
            self.failure = str(made.failure)
        own = [each for each in made.candidates if each.path not in made.refused]
        drops = self._drops([*ledger.left(), *own], number) | {**made.refused}
        left = [each for each in (*ledger.left(), *own) if each.path not in drops]
        after = self._assess(left)
        judgement = self._judge(after)
        self._record(number, aim, made, drops, assessed=after, judgement=judgement, start=start)
        self._tell()
        return after, judgement

    def _record(
        self,
        number: int,
        aim: Aim,
        made: MadeRound,
        drops: Mapping[str, Drop],
        *,
        assessed: Assessment,
        judgement: Judgement | None,
        start: float,
    ) -> None:
        everyone = {**self.ledger.candidates, **{own.path: own for own in made.candidates}}
        by_class: dict[str, Counter[str]] = {}
        for own in made.candidates:
            by_class.setdefault(own.subject or "", Counter())["made"] += own.origin is None
        for path, drop in drops.items():
            by_class.setdefault(everyone[path].subject or "", Counter())[drop.reason] += 1
        done = Round(
            round=number,
            made=sum(own.origin is None and own.file != "" for own in made.candidates),
            kept=len(assessed.chosen),
            dropped=dict(Counter(own.reason for own in drops.values())),
            aimed_at=list(aim.told),
            scores=assessed.scores,
            seconds=round(time.monotonic() - start, 3),
            money=round(made.money, 6),
            quota=told(assessed.there, self.quotas),
            uncovered=None if assessed.uncovered is None else round(assessed.uncovered, 6),
            excess=None if judgement is None else round(judgement.excess, 6),
            by_class={name: dict(own) for name, own in by_class.items()},
            basis=self.ledger.basis,
        )
        self.ledger.add(done, made.candidates, drops)

    def _tell(self) -> None:
        """A line a round, with the quota of each class."""
        done = self.ledger.rounds[-1]
        shown = [f"{name or 'images'} {own[0]:,}/{own[1]:,}" for name, own in done.quota.items()]
        more = f" and {len(shown) - 12} classes more" if len(shown) > 12 else ""
        LOGGER.info(
            "round %d: %s made, %s dropped; %s%s.",
            done.round, f"{done.made:,}", f"{sum(done.dropped.values()):,}",
            ", ".join(shown[:12]), more,
        )  # fmt: skip

    def _finish(self, assessed: Assessment, outcome: Outcome) -> Build:
        """Hold the set against the half that has steered nothing, and write it."""
        self.progress.start("judging the set", 0)
        audit = audit_chosen(
            assessed.chosen,
            self.ledger,
            self.halves.judging,
            self.reader,
            decisions=self.decisions,
        )
        judgement = None
        if audit is not None:
            judgement = judge_set(audit.to_dict(), self.ground.policy)
            if self._is_full(assessed.chosen):
                outcome = _judged(outcome, judgement)
        return write_set(
            self.opened,
            assessed,
            audit=audit,
            outcome=outcome,
            judgement=judgement,
        )


def _judged(outcome: Outcome, judgement: Judgement) -> Outcome:
    """How the building of a complete set has ended, now that the judging half has spoken."""
    if judgement.passes:
        return Outcome(state="passes", why=[])
    if outcome.state == "spent":
        return Outcome(state="spent", why=[*outcome.why[:1], *judgement.why])
    # Why no more was made, where the steering half was not content either.
    lead = outcome.why[:1] if outcome.state == "rejected" else []
    return Outcome(state="rejected", why=[*lead, *judgement.why])
