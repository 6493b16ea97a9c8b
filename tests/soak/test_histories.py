"""Random histories: whatever is asked in whatever order and at once, what has to hold does so after every step."""

import secrets
import time
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, seed
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from app.kernel.settings import Settings
from tests.conftest import Server
from tests.soak.histories.fulfilment_operations import fulfilment
from tests.soak.histories.lead_operations import CaptureMany, Row, marketing, rows, sales
from tests.soak.histories.order_operations import Confirm, Take, confirming, contended, orders, taking
from tests.soak.histories.reading_operations import feed, reading
from tests.soak.histories.sending import How, Operation
from tests.soak.histories.supply_operations import Counted, CountMany, supply
from tests.soak.histories.world import History, World, opened

HOW = st.sampled_from([How.ONCE] * 7 + [How.AGAIN, How.TWINS, How.STALE])
_Sent = tuple[Operation, How]


def _sent(*operations: st.SearchStrategy[Any]) -> st.SearchStrategy[_Sent]:
    return st.tuples(st.one_of(*operations), HOW)


def _several(*operations: st.SearchStrategy[Any]) -> st.SearchStrategy[list[_Sent]]:
    return st.lists(_sent(*operations), min_size=2, max_size=6)


APART = st.integers(0, 4)
"""Milliseconds from one start to the next: what begins together goes on in step, and meets at few places."""


class Histories(RuleBasedStateMachine):
    """A department at work. All that is drawn is data, so that how a race ends has no say in what is asked next."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.history = History(self.world)
        self.whole = True

    @initialize(
        counts=st.tuples(*(st.builds(Counted, st.just(each), st.integers(2, 20), st.just(0)) for each in range(3))),
        captured=st.lists(rows, min_size=1, max_size=4).map(tuple),
        taken=st.lists(taking, min_size=2, max_size=4),
        confirmed=st.lists(confirming, max_size=2),
    )
    def opening(
        self, counts: tuple[Counted, ...], captured: tuple[Row, ...], taken: list[Take], confirmed: list[Confirm]
    ) -> None:
        first: list[Operation] = [CountMany(counts), CaptureMany(captured), *taken]
        self._step(*((each, How.ONCE) for each in first))
        self._step(*((each, How.ONCE) for each in confirmed))

    @rule(one=_sent(marketing, sales))
    def work_on_leads(self, one: _Sent) -> None:
        self._step(one)

    @rule(one=_sent(supply))
    def work_on_supply(self, one: _Sent) -> None:
        self._step(one)

    @rule(one=_sent(orders))
    def work_on_orders(self, one: _Sent) -> None:
        self._step(one)

    @rule(one=_sent(fulfilment))
    def work_on_goods(self, one: _Sent) -> None:
        self._step(one)

    @rule(one=_sent(reading))
    def read(self, one: _Sent) -> None:
        self._step(one)

    @rule()
    def night(self) -> None:
        self.history.night()

    @rule(several=_several(contended, fulfilment, supply), apart=APART)
    def goods_at_once(self, several: list[_Sent], apart: int) -> None:
        self._step(*several, apart=apart)

    @rule(several=_several(marketing, marketing, sales), apart=APART)
    def leads_at_once(self, several: list[_Sent], apart: int) -> None:
        self._step(*several, apart=apart)

    @rule(several=_several(feed, feed, feed, marketing, contended, fulfilment), apart=APART)
    def news_at_once(self, several: list[_Sent], apart: int) -> None:
        self._step(*several, apart=apart)

    @rule(several=_several(orders, fulfilment, supply, marketing, sales, reading), apart=APART)
    def all_at_once(self, several: list[_Sent], apart: int) -> None:
        self._step(*several, apart=apart)

    def _step(self, *operations: _Sent, apart: int = 0) -> None:
        self.whole = False
        self.history.step(*operations, apart=apart)
        self.whole = True

    def teardown(self) -> None:
        if self.whole:
            self.history.end()


@pytest.mark.parametrize(
    ("histories", "steps", "repeatable"),
    [
        pytest.param(25, 8, True, id="short"),
        pytest.param(2000, 12, False, id="long", marks=pytest.mark.soak),
    ],
)
def test_histories(server: Server, settings: Settings, *, histories: int, steps: int, repeatable: bool) -> None:
    with opened(server, settings) as world:
        machine: type[Histories] = type("Histories", (Histories,), {"world": world})
        if not repeatable:
            number = secrets.randbits(32)
            print(f"random histories of @seed({number})")  # noqa: T201 - with it they can be told again
            machine = seed(number)(machine)
        started = time.process_time()
        run_state_machine_as_test(
            machine,
            settings=hypothesis.settings(
                max_examples=histories,
                stateful_step_count=steps,
                derandomize=repeatable,
                database=None,
                deadline=None,
                print_blob=True,
                suppress_health_check=[HealthCheck.too_slow],  # each step is several transactions
            ),
        )
        print(f"{world.told()} in {time.process_time() - started:.0f} s of CPU")  # noqa: T201
