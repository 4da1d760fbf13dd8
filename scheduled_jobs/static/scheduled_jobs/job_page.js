/* Shows what a schedule will do while it is typed, in the zone of whoever types. Without it, Preview does the same. */
"use strict";
(() => {
    const form = document.getElementById("scheduledjob_form");
    const place = document.getElementById("sj-preview");
    if (!form || !place) {
        return;
    }
    const PAUSE = 300, YEAR = 365 * 24 * 3600;
    const zone = form.elements.viewer_zone;
    let timer = null, asked = null, last = null;

    const show = async () => {
        if (asked) {
            asked.abort();
        }
        const mine = asked = new AbortController();
        try {
            const answer = await fetch(form.dataset.preview, {
                method: "POST", body: new FormData(form), credentials: "same-origin", signal: mine.signal,
            });
            if (answer.ok && !answer.redirected) {
                const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
                place.replaceChildren(...fresh.body.childNodes);
            }
        } catch (error) {
            if (error.name !== "AbortError") {
                last = null; // What is shown is old: the next key asks again.
            }
        }
    };

    const later = () => {
        const now = ["schedule_override", "time_zone_override", "viewer_zone"]
            .map((name) => form.elements[name] && form.elements[name].value).join("\n");
        if (now === last) {
            return;
        }
        last = now;
        clearTimeout(timer);
        timer = setTimeout(show, PAUSE);
    };

    const remember = (name) => {
        if (!/^[A-Za-z0-9_+\/-]{1,64}$/.test(name)) {
            return;
        }
        document.cookie = `sj_zone=${name}; path=/; max-age=${YEAR}; SameSite=Lax`;
    };

    if (form.dataset.preview) {
        form.addEventListener("input", later);
    }
    if (zone) {
        const found = Intl.DateTimeFormat().resolvedOptions().timeZone;
        if (found && !document.cookie.includes("sj_zone=")) {
            remember(found);
            if (zone.value !== found) {
                zone.value = found;
                if (form.dataset.preview) {
                    later();
                }
            }
        }
        zone.addEventListener("change", () => remember(zone.value));
    }
    const task = form.elements.task;
    if (task) {
        task.addEventListener("change", () => form.requestSubmit(form.querySelector("[name=_choose]")));
    }
})();
