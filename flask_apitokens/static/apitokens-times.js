'use strict'
// Add the browser's time zone to the titles of times. The texts stay in UTC.
{
const started = Symbol.for('apitokens-times')
if (!window[started]) {
window[started] = true

const {timeZone} = Intl.DateTimeFormat().resolvedOptions()
const zone = timeZone?.replaceAll('_', ' ')
const formats = new Map()

// Return the format of the text around an element. A host may write its language as it likes.
function formatAt(el) {
	const lang = el.closest('[lang]')?.lang.replaceAll('_', '-') || 'en'
	if (!formats.has(lang)) {
		const options = {dateStyle: 'medium', timeStyle: 'short'}
		let format
		try {
			format = Intl.DateTimeFormat(lang === 'en' ? 'en-GB' : lang, options)
		} catch {
			format = Intl.DateTimeFormat('en-GB', options)
		}
		formats.set(lang, format)
	}
	return formats.get(lang)
}

// Return a moment in the language of the text; empty for an invalid date.
function here(iso, el) {
	const at = new Date(iso)
	return isNaN(at) ? '' : `${formatAt(el).format(at)} (${zone})`
}

function localize() {
	for (const el of Document.prototype.querySelectorAll.call(document, '[data-apitokens] time[title]:not([data-apitokens-zoned])')) {
		el.dataset.apitokensZoned = ''
		el.title = `${here(el.dateTime, el)}, ${el.title}`
	}
}

function start() {
	if (!timeZone || /^(Etc\/)?(UTC|GMT|Zulu)$/.test(timeZone)) return
	localize()
	new MutationObserver(list => {
		if (list.some(({addedNodes}) => [...addedNodes].some(node => node.nodeType === 1))) localize()
	}).observe(document, {childList: true, subtree: true})
}

start()
}
}
