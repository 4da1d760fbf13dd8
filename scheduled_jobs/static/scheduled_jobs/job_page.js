/* Shows what a schedule will do while it is typed, in the zone of whoever types. Without it, Preview does the same. */
"use strict";
(() => {
    const form = document.getElementById("scheduledjob_form");
    const place = document.getElementById("sj-preview");
    if (!form || !place) {
        return;
    }
    const PAUSE = 300, AFTER_FAILURE = 5000;
    const note = document.getElementById("sj-preview-old");
    const zone = form.elements.viewer_zone;
    let timer = null, again = null, asked = null;

    const typed = () => ["schedule_override", "time_zone_override", "viewer_zone"]
        .map((name) => form.elements[name] && form.elements[name].value).join("\n");

    let last = typed();

    // The times on the page are not those of what is typed: said beside them, until they are.
    const growOld = (why) => {
        const words = note.querySelector("[data-sj-text]");
        if (words.textContent !== note.dataset[why]) {
            words.textContent = note.dataset[why];
        }
        note.hidden = false;
        note.closest(".sj-preview").classList.add("sj-old");
        last = null; // The next key asks again.
        if (why === "failed") {
            again = setTimeout(show, AFTER_FAILURE);
        }
    };

    const growYoung = () => {
        note.hidden = true;
        note.querySelector("[data-sj-text]").textContent = "";
        note.closest(".sj-preview").classList.remove("sj-old");
    };

    const show = async () => {
        clearTimeout(again);
        if (asked) {
            asked.abort();
        }
        const mine = asked = new AbortController();
        const asking = typed();
        try {
            const answer = await fetch(form.dataset.preview, {
                method: "POST", body: new FormData(form), credentials: "same-origin", signal: mine.signal,
            });
            if (answer.redirected || answer.status === 403) {
                growOld("out");
                return;
            }
            if (answer.status === 404) {
                growOld("gone");
                return;
            }
            if (!answer.ok) {
                throw new Error(String(answer.status));
            }
            const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
            place.replaceChildren(...fresh.body.childNodes);
            last = asking;
            growYoung();
            const error = document.getElementById("id_viewer_zone_error");
            if (zone && error) {
                error.hidden ? zone.removeAttribute("aria-invalid") : zone.setAttribute("aria-invalid", "true");
            }
        } catch (error) {
            if (error.name !== "AbortError") {
                growOld("failed");
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
