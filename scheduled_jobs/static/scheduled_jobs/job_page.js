/* Shows what is typed into the settings of a job will do, while it is typed. Without it, Update preview does the same. */
"use strict";
(() => {
    const form = document.getElementById("scheduledjob_form");
    const note = document.getElementById("sj-preview-old");
    if (!form || !note) {
        return;
    }
    const PAUSE = 300, AFTER_FAILURE = 5000;
    const bar = form.querySelector(".sj-savebar");
    const stale = sjRefresh.staleNote(note, form);
    const fields = [...form.elements].filter((field) =>
        field.name && !["hidden", "submit", "button"].includes(field.type) && field.name !== "reason");
    let typingTimer = null, retryTimer = null, request = null;

    const typedValues = () => fields.map((field) => field.value).join("\n");

    // A list without a chosen option shows its first one.
    const madeWith = (field) => field.type === "select-one"
        ? ([...field.options].find((option) => option.defaultSelected) || field.options[0] || field).value
        : field.defaultValue;

    // Where nothing would be saved there is nothing to press.
    const showEdits = () => {
        for (const field of fields) {
            const row = field.closest(".sj-set tr");
            if (row && field.value !== madeWith(field)) {
                for (const part of [row, row.nextElementSibling]) {
                    part?.classList.toggle("edit", part === row || part.matches(".note"));
                }
            }
        }
        if (bar) {
            bar.hidden = !("edit" in bar.dataset) && fields.every((field) => field.value === madeWith(field));
        }
    };

    let previewed = fields.map(madeWith).join("\n");

    // What is shown is not what is typed: said beside it, until it is.
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
        const body = new FormData(form);
        body.append("_preview", "1");
        try {
            const { part, refused } = await sjRefresh.fetchPart(form.dataset.preview, {
                method: "POST", body, signal: current.signal,
            });
            if (refused) {
                markStale(refused);
                return;
            }
            for (const fresh of part.querySelectorAll("#scheduledjob_form [data-part]")) {
                const old = form.querySelector(`[data-part="${fresh.dataset.part}"]`);
                if (old && old.innerHTML !== fresh.innerHTML) {
                    old.replaceChildren(...document.importNode(fresh, true).childNodes);
                }
            }
            previewed = values;
            stale.markFresh();
        } catch (error) {
            if (error.name !== "AbortError") {
                markStale("failed");
            }
        }
    };

    const previewSoon = () => {
        showEdits();
        const values = typedValues();
        if (values === previewed) {
            return;
        }
        previewed = values;
        clearTimeout(typingTimer);
        typingTimer = setTimeout(showPreview, PAUSE);
    };

    form.addEventListener("input", previewSoon);
    previewSoon(); // A browser may have put back what was typed before.
    const taskField = form.elements.task;
    if (taskField) {
        taskField.addEventListener("change", () => form.requestSubmit(form.querySelector("[name=_choose]")));
    }
})();
