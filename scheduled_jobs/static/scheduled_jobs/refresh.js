/* What the pages that refresh a part of themselves share: asking for it, and saying that what is shown is out of date. */
"use strict";
const sjRefresh = (() => {
    // The part of a page that an address answers with, or why it is refused for good. Throws where asking again may help.
    // A request that answers with a document: a page that requires trusted types lets no script parse a text.
    const fetchPart = (url, { method = "GET", body = null, signal = null } = {}) => new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open(method, url);
        request.responseType = "document";
        request.setRequestHeader("Accept", "text/html");
        request.addEventListener("load", () => {
            if (request.responseURL !== new URL(url, location.href).href || request.status === 403) {
                resolve({ refused: "out" });
            } else if (request.status === 404) {
                resolve({ refused: "gone" });
            } else if (request.status !== 200 || !request.response) {
                reject(new Error(String(request.status)));
            } else {
                resolve({ part: request.response.body, title: request.response.title });
            }
        });
        request.addEventListener("error", () => reject(new Error("no answer")));
        request.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
        if (signal) {
            signal.addEventListener("abort", () => request.abort());
        }
        request.send(body);
    });

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
