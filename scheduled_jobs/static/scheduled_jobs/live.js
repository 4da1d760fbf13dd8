/* Keeps a page up to date: asks for it again, replaces the parts that have changed, and says aloud when its status has. */
"use strict";
(() => {
    const line = document.getElementById("sj-refresh");
    if (!line) {
        return;
    }
    const HIDDEN = 60, AFTER_FAILURE = 15;
    const lineText = line.querySelector("[data-sj-state]");
    const pauseButton = line.querySelector("button");
    const announcer = document.getElementById("sj-say");
    const note = document.getElementById("sj-old");
    const main = document.getElementById("content-main");
    const stale = sjRefresh.staleNote(note, main);
    let timer = null, isPaused = false, isOver = false, isAsking = false;
    let status = main.dataset.status, at = main.dataset.at;

    // The time of the server's answer, in the zone of the page: the browser's clock may be in another.
    const showState = (name) => { lineText.textContent = line.dataset[name].replace("%s", at); };

    // What the page shows is old: said on it and aloud, once.
    const markStale = (why) => {
        const words = stale.markStale(why, at);
        if (words) {
            announcer.textContent = words;
        }
        note.querySelector("a").hidden = why !== "out";
    };

    const isBeingRead = (element) => {
        const selection = document.getSelection();
        return element.contains(document.activeElement) ||
            (selection && !selection.isCollapsed && element.contains(selection.anchorNode)) ||
            element.querySelector("details[open]") !== null;
    };

    const replaceParts = (fresh, isDue) => {
        for (const part of fresh.querySelectorAll("[data-part]")) {
            const old = document.querySelector(`[data-part="${part.dataset.part}"]`);
            if (!old || old.outerHTML === part.outerHTML || (!isDue && isBeingRead(old))) {
                continue;
            }
            const hadFocus = old.contains(document.activeElement);
            old.replaceWith(document.importNode(part, true));
            if (hadFocus) {
                // What had the focus is gone with the status that it belonged to.
                (document.getElementById("content-start") || pauseButton).focus({ preventScroll: true });
            }
        }
    };

    const refresh = async () => {
        isAsking = true;
        let seconds = Number(line.dataset.every);
        try {
            const { part, title, refused } = await sjRefresh.fetchPart(location.href.split("#")[0]);
            if (refused) {
                isOver = true;
                showState("gone");
                markStale(refused);
                return;
            }
            const fresh = part.querySelector("#content-main");
            if (isPaused || !fresh) {
                return;
            }
            const hasChanged = status !== fresh.dataset.status;
            const hasEnded = !part.querySelector("#sj-refresh");
            replaceParts(fresh, hasChanged || hasEnded);
            if (hasChanged || hasEnded) {
                announcer.textContent = fresh.dataset.say;
            }
            document.title = title;
            at = fresh.dataset.at;
            status = fresh.dataset.status;
            isOver = hasEnded;
            showState(hasEnded ? "ended" : document.hidden ? "hidden" : "refreshed");
            if (stale.markFresh()) {
                announcer.textContent = lineText.textContent;
            }
        } catch {
            seconds = AFTER_FAILURE;
            showState("failed");
            markStale("failed");
        } finally {
            isAsking = false;
            pauseButton.hidden = isOver;
            if (!isOver && !isPaused) {
                refreshIn(document.hidden ? HIDDEN : seconds);
            }
        }
    };

    const refreshIn = (seconds) => {
        clearTimeout(timer);
        timer = setTimeout(refresh, 1000 * seconds);
    };

    const refreshNow = () => {
        clearTimeout(timer);
        if (!isAsking && !isOver && !isPaused) {
            refresh();
        }
    };

    pauseButton.hidden = false;
    pauseButton.addEventListener("click", () => {
        isPaused = !isPaused;
        pauseButton.textContent = isPaused ? line.dataset.go : line.dataset.pause;
        clearTimeout(timer);
        if (isPaused) {
            showState("paused");
        } else {
            refreshNow();
        }
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { refreshNow(); } });
    refreshIn(1);
})();
