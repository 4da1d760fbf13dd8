/* Keeps a page up to date: asks for it again, replaces the parts that have changed, and says aloud when its status has.

   A part is an element with a data-part of its own. Parts within a part are rows of one parent: they are replaced one by
   one, and may come, go and change places. */
"use strict";
(() => {
    const line = document.getElementById("sj-refresh");
    if (!line) {
        return;
    }
    const HIDDEN = 60, AFTER_FAILURE = 15, PAUSED = `sj-paused ${location.pathname}`;
    const every = Number(line.dataset.every);
    const lineText = line.querySelector("[data-sj-state]");
    const pauseButton = line.querySelector("button");
    const announcer = document.getElementById("sj-say");
    const note = document.getElementById("sj-old");
    const main = document.getElementById("content-main");
    const stale = sjRefresh.staleNote(note, main);
    const memory = (() => { try { return sessionStorage; } catch { return null; } })();
    let timer = null, isPaused = Boolean(memory?.getItem(PAUSED)), isOver = false, isAsking = false;
    let status = main.dataset.status, at = main.dataset.at;

    // The time of the server's answer, in the zone of the page: the browser's clock may be in another.
    const showState = (name) => {
        lineText.textContent = line.dataset[name].replace("%s", at);
        line.classList.toggle("held", name !== "refreshed");
    };

    // What the page shows is old: said on it and aloud, once.
    const markStale = (why) => {
        const words = stale.markStale(why, at);
        if (words) {
            announcer.textContent = words;
        }
        note.querySelector("a").hidden = why !== "out";
    };

    // The tab of the browser tells that something is wrong, also while another is in front.
    const icon = document.querySelector('link[rel~="icon"]') || document.createElement("link");
    const usualIcon = icon.href || "/favicon.ico";
    const showIcon = (isWrong) => {
        const wanted = isWrong ? line.dataset.wrong : usualIcon;
        if (isWrong || icon.isConnected) {
            icon.rel = "icon";
            icon.removeAttribute("type");
            icon.href = wanted;
            document.head.append(icon);
        }
    };

    const hasSelection = (element) => {
        const selection = document.getSelection();
        return selection && !selection.isCollapsed && element.contains(selection.anchorNode);
    };

    // Somebody is typing, choosing or about to act: what they have before them stays as it is.
    const isInUse = () => {
        const isTyping = main.contains(document.activeElement) &&
            document.activeElement.matches('input:not([type="checkbox"], [type="radio"]), select, textarea');
        return isTyping || hasSelection(main) || main.querySelector(".sj-menu[open], dialog[open]") !== null ||
            [...main.querySelectorAll("input:checked")].some((box) => !box.defaultChecked);
    };

    const isBeingRead = (part) =>
        part.contains(document.activeElement) || hasSelection(part) || part.querySelector("details[open]") !== null;

    const rowsOf = (part) => [...part.querySelectorAll("[data-part]")];

    // Of a part with rows: what it is besides them.
    const shellOf = (part) => {
        const copy = part.cloneNode(true);
        rowsOf(copy).forEach((row) => row.remove());
        return copy.outerHTML.replace(/\s+/g, " ");
    };

    // The element stays, and so do the boxes of a selection: the admin's own script listens to both.
    const fill = (old, fresh) => {
        const hadFocus = old.contains(document.activeElement);
        for (const box of old.querySelectorAll("input.action-select")) {
            const same = [...fresh.querySelectorAll("input.action-select")].find(({ value }) => value === box.value);
            same?.replaceWith(box);
        }
        old.replaceChildren(...fresh.childNodes);
        old.getAttributeNames().forEach((name) => old.removeAttribute(name));
        for (const { name, value } of fresh.attributes) {
            old.setAttribute(name, value);
        }
        if (hadFocus) {
            // What had the focus is gone with the status that it belonged to.
            (document.getElementById("content-start") || pauseButton).focus({ preventScroll: true });
        }
    };

    const placeRows = (oldRows, freshRows, isDue) => {
        const wanted = new Set(freshRows.map((row) => row.dataset.part));
        const known = new Map(oldRows.map((row) => [row.dataset.part, row]));
        const parent = oldRows[0].parentElement, focused = document.activeElement;
        let next = oldRows.find((row) => wanted.has(row.dataset.part)) || oldRows.at(-1).nextElementSibling;
        oldRows.filter((row) => !wanted.has(row.dataset.part)).forEach((row) => row.remove());
        for (const fresh of freshRows) {
            const row = known.get(fresh.dataset.part) || document.importNode(fresh, true);
            if (row === next) {
                next = row.nextElementSibling;
            } else {
                parent.insertBefore(row, next);
            }
            update(row, fresh, isDue);
        }
        if (focused !== document.activeElement && focused.isConnected) {
            focused.focus({ preventScroll: true });
        }
    };

    const update = (old, fresh, isDue) => {
        if (old.outerHTML === fresh.outerHTML) {
            return;
        }
        const [oldRows, freshRows] = [rowsOf(old), rowsOf(fresh)];
        if (oldRows.length && freshRows.length && shellOf(old) === shellOf(fresh)) {
            placeRows(oldRows, freshRows, isDue);
        } else if (isDue || !isBeingRead(old)) {
            fill(old, fresh);
        }
    };

    const replaceParts = (fresh, isDue) => {
        const boxes = () => document.querySelectorAll("tr input.action-select");
        const before = new Set(boxes());
        for (const part of fresh.querySelectorAll("[data-part]:not([data-part] [data-part])")) {
            const old = document.querySelector(`[data-part="${part.dataset.part}"]`);
            if (old) {
                update(old, part, isDue);
            }
        }
        const counter = document.querySelector(".action-counter");
        if (counter && window.Actions && (boxes().length !== before.size || [...boxes()].some((box) => !before.has(box)))) {
            counter.dataset.actionsIcnt = boxes().length;
            window.Actions(boxes());
        }
    };

    const refresh = async () => {
        isAsking = true;
        let seconds = every;
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
            document.title = title;
            showIcon("wrong" in fresh.dataset);
            if (hasChanged || hasEnded) {
                announcer.textContent = fresh.dataset.say;
            }
            status = fresh.dataset.status;
            if (isInUse() && !hasEnded) {
                showState("waiting");
                return;
            }
            replaceParts(fresh, hasChanged || hasEnded);
            at = fresh.dataset.at;
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

    const showPause = () => {
        const { go, goLabel, pause, pauseLabel } = line.dataset;
        pauseButton.textContent = isPaused ? go : pause;
        pauseButton.setAttribute("aria-label", isPaused ? goLabel : pauseLabel);
        if (isPaused) {
            showState("paused");
        }
    };

    pauseButton.addEventListener("click", () => {
        isPaused = !isPaused;
        isPaused ? memory?.setItem(PAUSED, "1") : memory?.removeItem(PAUSED);
        showPause();
        refreshNow();
    });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) { refreshNow(); } });
    pauseButton.hidden = false;
    showState("refreshed");
    showPause();
    showIcon("wrong" in main.dataset);
    if (!isPaused) {
        // What is followed by the second may have changed while the page was on its way.
        refreshIn(every < 10 ? 1 : every);
    }
})();
