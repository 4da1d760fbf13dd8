/* Says on the button of the plan how many decisions it would carry out. */
"use strict";
(() => {
    const button = document.querySelector("input[data-sj-many]");
    if (!button) {
        return;
    }
    const unsaid = button.value;
    const say = () => {
        const chosen = button.form.querySelectorAll('input[type="radio"]:checked:not([value="leave"])').length;
        const many = button.dataset.sjMany.replace("%n", chosen);
        button.value = [unsaid, button.dataset.sjOne][chosen] ?? many;
    };
    button.form.addEventListener("change", say);
    // A page that is gone back to has the choices of before.
    addEventListener("pageshow", say);
    say();
})();
