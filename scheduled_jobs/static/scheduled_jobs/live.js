/* Follows a run: replaces the parts of its page that have changed, and says aloud, and in the title, when its status has. */
"use strict";
(() => {
    const line = document.getElementById("sj-refresh");
    if (!line) {
        return;
    }
    const HIDDEN = 60, AFTER_FAILURE = 15;
    const text = line.querySelector("[data-sj-state]");
    const button = line.querySelector("button");
    const voice = document.getElementById("sj-say");
    const main = document.getElementById("content-main");
    const note = document.getElementById("sj-old");
    let timer = null, paused = false, over = false, busy = false, status = line.dataset.status, at = line.dataset.at;

    const title = document.title;
    // The time of the server's answer, in the zone of the page: the browser's clock may be in another.
    const say = (what) => { text.textContent = line.dataset[what].replace("%s", at); };

    // What the page shows is old: said on it and aloud, once.
    const growOld = (why) => {
        const words = note.dataset[why].replace("%s", at);
        const place = note.querySelector("[data-sj-text]");
        if (note.hidden || place.textContent !== words) {
            place.textContent = voice.textContent = words;
        }
        note.querySelector("a").hidden = why !== "out";
        note.hidden = false;
        main.classList.add("sj-old");
    };

    const growYoung = () => {
        if (!note.hidden) {
            note.hidden = true;
            main.classList.remove("sj-old");
            voice.textContent = text.textContent;
        }
    };

    const isBeingRead = (element) => {
        const selection = document.getSelection();
        return element.contains(document.activeElement) ||
            (selection && !selection.isCollapsed && element.contains(selection.anchorNode)) ||
            element.querySelector("details[open]") !== null;
    };

    const replace = (fresh, ended) => {
        for (const part of fresh.querySelectorAll("[data-part]")) {
            const old = document.querySelector(`[data-part="${part.dataset.part}"]`);
            if (!old || old.outerHTML === part.outerHTML || (!ended && isBeingRead(old))) {
                continue;
            }
            const focus = old.contains(document.activeElement);
            old.replaceWith(document.importNode(part, true));
            if (focus) {
                // What had the focus is gone with the status that it belonged to.
                const main = document.getElementById("content-start");
                main.focus({ preventScroll: true });
            }
        }
    };

    const look = async () => {
        busy = true;
        let next = Number(line.dataset.every);
        try {
            const answer = await fetch(line.dataset.url, { credentials: "same-origin", headers: { Accept: "text/html" } });
            if (answer.redirected || answer.status === 403 || answer.status === 404) {
                over = true;
                say("gone");
                growOld(answer.status === 404 ? "gone" : "out");
                return;
            }
            if (!answer.ok) {
                throw new Error(String(answer.status));
            }
            const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-status]");
            if (paused || !fresh) {
                return;
            }
            const changed = status !== fresh.dataset.status;
            const ended = fresh.dataset.live !== "true";
            replace(fresh, changed || ended);
            if (changed || ended) {
                voice.textContent = fresh.dataset.say;
                document.title = `${fresh.dataset.word}: ${title}`;
            }
            at = fresh.dataset.at;
            status = fresh.dataset.status;
            over = ended;
            say(ended ? "ended" : document.hidden ? "hidden" : "refreshed");
            growYoung();
        } catch {
            next = AFTER_FAILURE;
            say("failed");
            growOld("failed");
        } finally {
            busy = false;
            button.hidden = over;
            if (!over && !paused) {
                wait(document.hidden ? HIDDEN : next);
            }
        }
    };

    const wait = (seconds) => {
        clearTimeout(timer);
        timer = setTimeout(look, 1000 * seconds);
    };

    const go = () => {
        clearTimeout(timer);
        if (!busy && !over && !paused) {
            look();
        }
    };

    button.hidden = false;
    button.addEventListener("click", () => {
        paused = !paused;
        button.textContent = paused ? line.dataset.go : line.dataset.pause;
        clearTimeout(timer);
        if (paused) {
            say("paused");
        } else {
            go();
        }
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { go(); } });
    wait(1);
})();
