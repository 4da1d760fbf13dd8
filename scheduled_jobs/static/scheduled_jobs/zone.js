/* Finds the zone of whoever looks, once, for the tables that tell times on their clock. Typed by hand it stays so. */
"use strict";
(() => {
    const COOKIE = "sj_zone", YEAR = 365 * 24 * 3600;
    if (document.cookie.split("; ").some((cookie) => cookie.startsWith(`${COOKIE}=`))) {
        return;
    }
    const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
    if (/^[A-Za-z0-9_+\/-]{1,64}$/.test(browserZone)) {
        document.cookie = `${COOKIE}=${browserZone}; path=/; max-age=${YEAR}; SameSite=Lax`;
        document.documentElement.dataset.sjZone = browserZone; // For the scripts of a page that was made without it.
    }
})();
