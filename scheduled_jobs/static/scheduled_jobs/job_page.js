/* Shows what a schedule will do while it is typed, in the zone of whoever types. Without it, Preview does the same. */
"use strict";
(() => {
    const form = document.getElementById("scheduledjob_form");
    const place = document.getElementById("sj-preview");
    if (!form || !place) {
        return;
    }
    const PAUSE = 300;
    const zone = form.elements.viewer_zone;
    let timer = null, asked = null;

    const typed = () => ["schedule_override", "time_zone_override", "viewer_zone"]
        .map((name) => form.elements[name] && form.elements[name].value).join("\n");

    let last = typed();

    const show = async () => {
        if (asked) {
            asked.abort();
        }
        const mine = asked = new AbortController();
        try {
            const answer = await fetch(form.dataset.preview, {
                method: "POST", body: new FormData(form), credentials: "same-origin", signal: mine.signal,
            });
            if (!answer.ok || answer.redirected) {
                last = null; // What is shown is old: the next key asks again.
                return;
            }
            const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
            place.replaceChildren(...fresh.body.childNodes);
            const error = document.getElementById("id_viewer_zone_error");
            if (zone && error) {
                error.hidden ? zone.removeAttribute("aria-invalid") : zone.setAttribute("aria-invalid", "true");
            }
        } catch (error) {
            if (error.name !== "AbortError") {
                last = null;
            }
        }
    };

    const later = () => {
        const now = typed();
        if (now === last) {
            return;
        }
        last = now;
        clearTimeout(timer);
        timer = setTimeout(show, PAUSE);
    };

    form.addEventListener("input", later);
    const found = document.documentElement.dataset.sjZone;
    if (zone && found) {
        // Found just now; what is typed later the server remembers, if there is such a zone.
        zone.value = found;
        later();
    }
    const task = form.elements.task;
    if (task) {
        task.addEventListener("change", () => form.requestSubmit(form.querySelector("[name=_choose]")));
    }
})();
