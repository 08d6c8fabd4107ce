'use strict'
// Add the browser's time zone to the titles of times. The texts stay in UTC.
if (!window.apitokensTimes) {
window.apitokensTimes = true

const {timeZone} = Intl.DateTimeFormat().resolvedOptions()
const {lang} = document.documentElement
const format = Intl.DateTimeFormat(/^(en)?$/.test(lang) ? 'en-GB' : lang, {dateStyle: 'medium', timeStyle: 'short'})
const zone = timeZone.replaceAll('_', ' ')

// Return a moment in the browser's language; empty for an invalid date.
function here(iso) {
	const at = new Date(iso)
	return isNaN(at) ? '' : `${format.format(at)} (${zone})`
}

function localize(root) {
	for (const el of root.querySelectorAll('[data-apitokens] time[title]:not([data-apitokens-zoned])')) {
		el.dataset.apitokensZoned = ''
		el.title = `${here(el.dateTime)}, ${el.title}`
	}
}

function start() {
	if (!timeZone || /^(Etc\/)?(UTC|GMT|Zulu)$/.test(timeZone)) return
	localize(document)
	new MutationObserver(list => {
		if (list.some(({addedNodes}) => [...addedNodes].some(node => node.nodeType === 1))) localize(document)
	}).observe(document, {childList: true, subtree: true})
}

start()
}
