/* Says on the button of the plan how many decisions it would carry out. */
"use strict";
(() => {
    const button = document.querySelector("button[data-sj-many]");
    if (!button) {
        return;
    }
    const defaultLabel = button.textContent;
    const showCount = () => {
        const count = button.form.querySelectorAll('input[type="radio"]:checked:not([value="leave"])').length;
        const labels = [defaultLabel, button.dataset.sjOne];
        button.textContent = labels[count] ?? button.dataset.sjMany.replace("%n", count);
    };
    button.form.addEventListener("change", showCount);
    // A page that is gone back to has the choices of before.
    addEventListener("pageshow", showCount);
    showCount();
})();
