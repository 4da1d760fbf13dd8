/* Closes a menu with Escape, when another is opened, and when something beside it is pressed. Without it, its own head does. */
"use strict";
(() => {
    const close = (but = null) => {
        for (const menu of document.querySelectorAll(".sj-menu[open]")) {
            menu.open = menu === but;
        }
    };
    document.addEventListener("click", ({ target }) => close(target.closest(".sj-menu")));
    document.addEventListener("focusin", ({ target }) => close(target.closest(".sj-menu")));
    document.addEventListener("keydown", ({ key }) => {
        const menu = document.querySelector(".sj-menu[open]");
        if (key === "Escape" && menu) {
            if (menu.contains(document.activeElement)) {
                menu.querySelector("summary").focus();
            }
            close();
        }
    });
})();
