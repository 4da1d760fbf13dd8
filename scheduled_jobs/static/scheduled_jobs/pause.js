/* Typing an end chooses "Until a time", and a time without a day means the next such time. Without it, both are asked for. */
"use strict";
(() => {
    const day = document.querySelector("[data-sj-now]");
    const { until_1: time, until_mode: modes } = day.form.elements;
    const [open, until] = modes;
    let filled = "";
    const fill = () => {
        until.checked = true;
        if (!time.value || (day.value && day.value !== filled)) {
            return;
        }
        const [today, now] = day.dataset.sjNow.split("T");
        const next = new Date(`${today}T00:00Z`);
        next.setUTCDate(next.getUTCDate() + (time.value > now ? 0 : 1));
        filled = day.value = next.toISOString().slice(0, 10);
    };
    for (const field of [day, time]) {
        field.addEventListener("input", fill);
    }
    until.addEventListener("change", fill);
    open.addEventListener("change", () => {
        if (day.value === filled) {
            day.value = "";
        }
    });
})();
