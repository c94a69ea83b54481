"""What is tried after workers have died: the deadly run is found, and all others are done."""

import pytest

from pcneuro.batch.tasks import TRIES, Task


def performed(deadly, numbers, packed=()):
    """Follow a block whose ``deadly`` runs kill workers, those of ``packed`` where they are done together only."""
    task, deaths = Task(0), 0
    while task is not None:
        doing = {task.trial} if task.trial is not None else set(numbers) - set(task.deadly)
        together = task.trial is None and not task.apart
        if doing & set(deadly) or (together and doing & set(packed)):
            task, deaths = task.after_death(numbers), deaths + 1
        elif task.trial is not None:
            task = task.after_trial(numbers)
        else:
            return task, deaths
    return None, deaths


@pytest.mark.parametrize("deadly", [(), (4,), (7,), (4, 6), (4, 5, 6, 7)])
def test_only_deadly_runs_are_left_out(deadly):
    task, deaths = performed(deadly, range(4, 8))
    assert task.deadly == deadly
    assert deaths == (TRIES * (1 + len(deadly)) if deadly else 0)


def test_runs_that_are_deadly_together_only_are_done_apart():
    task, deaths = performed((), range(3), packed=(1,))
    assert (task.apart, task.deadly, deaths) == (True, (), TRIES)


def test_a_block_of_one_run_is_given_up_at_once():
    assert performed((5,), range(5, 6)) == (None, TRIES)


def test_tasks_go_through_json():
    task = Task(3, 7, (5, 6), deaths=1)
    assert Task.from_described(task.described()) == task
