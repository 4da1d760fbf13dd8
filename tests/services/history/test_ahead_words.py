from __future__ import annotations

from scheduled_jobs.domain.ahead import Notice, WhyNone
from scheduled_jobs.services.history.ahead_words import NOTICES, WHY_NONE


def test_every_reason_and_every_notice_has_its_words() -> None:
    assert list(WHY_NONE) == list(WhyNone)
    assert list(NOTICES) == list(Notice)


def test_every_reason_is_a_sentence_and_a_word_for_a_column() -> None:
    for why in WHY_NONE.values():
        assert str(why.sentence).endswith(".")
        assert len(str(why.short)) <= 27
