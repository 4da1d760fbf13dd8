/* Shows what a schedule will do while it is typed, in the zone of whoever types. Without it, Preview does the same. */
"use strict";
(() => {
    const form = document.getElementById("scheduledjob_form");
    const preview = document.getElementById("sj-preview");
    if (!form || !preview) {
        return;
    }
    const PAUSE = 300, AFTER_FAILURE = 5000;
    const stale = sjRefresh.staleNote(document.getElementById("sj-preview-old"), preview.closest(".sj-preview"));
    const zoneField = form.elements.viewer_zone;
    let typingTimer = null, retryTimer = null, request = null;

    const typedValues = () => ["schedule_override", "time_zone_override", "viewer_zone"]
        .map((name) => form.elements[name] && form.elements[name].value).join("\n");

    let previewed = typedValues();

    // The times on the page are not those of what is typed: said beside them, until they are.
    const markStale = (why) => {
        stale.markStale(why);
        previewed = null; // The next key asks again.
        if (why === "failed") {
            retryTimer = setTimeout(showPreview, AFTER_FAILURE);
        }
    };

    const showPreview = async () => {
        clearTimeout(retryTimer);
        if (request) {
            request.abort();
        }
        const current = request = new AbortController();
        const values = typedValues();
        try {
            const { part, refused } = await sjRefresh.fetchPart(form.dataset.preview, {
                method: "POST", body: new FormData(form), signal: current.signal,
            });
            if (refused) {
                markStale(refused);
                return;
            }
            preview.replaceChildren(...part.childNodes);
            previewed = values;
            stale.markFresh();
            const error = document.getElementById("id_viewer_zone_error");
            if (zoneField && error) {
                error.hidden ? zoneField.removeAttribute("aria-invalid") : zoneField.setAttribute("aria-invalid", "true");
            }
        } catch (error) {
            if (error.name !== "AbortError") {
                markStale("failed");
            }
        }
    };

    const previewSoon = () => {
        const values = typedValues();
        if (values === previewed) {
            return;
        }
        previewed = values;
        clearTimeout(typingTimer);
        typingTimer = setTimeout(showPreview, PAUSE);
    };

    form.addEventListener("input", previewSoon);
    const browserZone = document.documentElement.dataset.sjZone;
    if (zoneField && browserZone) {
        // Found just now; what is typed later the server remembers, if there is such a zone.
        zoneField.value = browserZone;
        previewSoon();
    }
    const taskField = form.elements.task;
    if (taskField) {
        taskField.addEventListener("change", () => form.requestSubmit(form.querySelector("[name=_choose]")));
    }
})();
