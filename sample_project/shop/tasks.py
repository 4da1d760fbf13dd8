"""The recurring jobs of the shop: one of each kind, so that every screen has something to show."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from typing import Any, ClassVar

from sample_project.shop import stock, suppliers
from scheduled_jobs.tasks import PeriodicTask

logger = logging.getLogger(__name__)


class ReleaseExpiredReservations(PeriodicTask):
    """Gives back the stock that customers put into a cart and did not buy."""

    run_every = "* * * * *"

    def run(self, **kwargs: Any) -> dict[str, Any]:
        """Release what was reserved too long before the slot, whenever this attempt happens to run."""
        now = self.metadata.scheduled_for
        expired = [held for held in stock.reservations(now) if now - held.reserved_at > stock.HOLD]
        return {
            "released": sum(held.quantity for held in expired),
            "products": [held.product for held in expired],
        }


class ImportSupplierPrices(PeriodicTask):
    """Reads the supplier's price list. One of its lines is broken, so this job fails."""

    run_every = "* * * * *"

    def run(self, **kwargs: Any) -> dict[str, int]:
        """Take over all prices, or none."""
        logger.info("reading %d lines of the supplier's list", suppliers.PRICE_LIST.count("\n"))
        prices = suppliers.read_price_list(suppliers.PRICE_LIST)
        return {"imported": len(prices)}


class RebuildSearchIndex(PeriodicTask):
    """Indexes all products anew, batch by batch, and tells how far it is."""

    run_every = timedelta(minutes=1)
    seconds_per_product: ClassVar[float] = 3.0

    @classmethod
    def schedule_attempt_deadline(cls) -> timedelta:
        """Give up long before the next index is due."""
        return timedelta(seconds=50)

    def run(self, **kwargs: Any) -> dict[str, int]:
        """Index one product after the other."""
        total = len(stock.PRODUCTS)
        for done, product in enumerate(stock.PRODUCTS):
            self.report_progress(done, total, f"indexing {product}")
            time.sleep(self.seconds_per_product)
            logger.info("indexed %s", product)
        self.report_progress(total, total, "done")
        return {"indexed": total}


class RemindOfAbandonedCarts(PeriodicTask):
    """Writes to customers who left a full cart behind."""

    run_every = "* * * * *"

    @classmethod
    def schedule_body_payload(cls) -> dict[str, Any]:
        """Whom to write to; an operator may override it in the admin."""
        return {"region": "emea", "older_than_hours": 24}

    def run(self, region: str, older_than_hours: int = 24) -> dict[str, Any]:
        """Write to the customers of one region."""
        carts = stock.abandoned_carts(region, older_than_hours)
        return {"region": region, "reminded": len(carts), "customers": carts}


class CheckPaymentProviders(PeriodicTask):
    """Asks all payment providers at once whether they are up."""

    run_every = "* * * * *"
    seconds_per_answer: ClassVar[float] = 0.2

    async def run(self, **kwargs: Any) -> dict[str, str]:
        """Wait for all answers together, not for one after the other."""
        providers = ("card", "invoice", "wallet")
        return dict(await asyncio.gather(*(self._ask(provider) for provider in providers)))

    async def _ask(self, provider: str) -> tuple[str, str]:
        await asyncio.sleep(self.seconds_per_answer)
        if provider == "invoice":
            logger.warning("%s is up, and answers late", provider)
        return provider, "up"


class SendNewsletter(PeriodicTask):
    """Sends the weekly newsletter. Created paused: somebody has to write it first."""

    run_every = "every monday 09:00"
    schedule_paused = True

    @classmethod
    def schedule_time_zone(cls) -> str:
        """Nine in the morning where most customers live."""
        return "Europe/Lisbon"

    def run(self, **kwargs: Any) -> dict[str, int]:
        """Send it to all who asked for it."""
        return {"sent": 1280}
