/* What the pages that refresh a part of themselves share: asking for it, and saying that what is shown is out of date. */
"use strict";
const sjRefresh = (() => {
    // The part of a page that an address answers with, or why it is refused for good. Throws where asking again may help.
    const fetchPart = async (url, options = {}) => {
        const answer = await fetch(url, { credentials: "same-origin", ...options });
        if (answer.redirected || answer.status === 403) {
            return { refused: "out" };
        }
        if (answer.status === 404) {
            return { refused: "gone" };
        }
        if (!answer.ok) {
            throw new Error(String(answer.status));
        }
        return { part: new DOMParser().parseFromString(await answer.text(), "text/html").body };
    };

    // The note of a page beside what it is about. Its data-failed, data-out and data-gone are the words for each reason.
    const staleNote = (note, shown) => {
        const text = note.querySelector("[data-sj-text]");
        return {
            // Answers with the words, or with nothing where they stand there already.
            markStale: (why, at = "") => {
                const words = note.dataset[why].replace("%s", at);
                const isNew = note.hidden || text.textContent !== words;
                if (isNew) {
                    text.textContent = words;
                }
                note.hidden = false;
                shown.classList.add("sj-old");
                return isNew ? words : "";
            },
            // Answers whether it was out of date.
            markFresh: () => {
                const wasStale = !note.hidden;
                note.hidden = true;
                text.textContent = "";
                shown.classList.remove("sj-old");
                return wasStale;
            },
        };
    };

    return { fetchPart, staleNote };
})();
