'use strict'
// Show times in the time zone of the browser too. The pages work without it.
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
	for (const el of root.querySelectorAll('[data-apitokens-local]')) {
		el.textContent = here(el.dataset.apitokensLocal)
		delete el.dataset.apitokensLocal
	}
	for (const el of root.querySelectorAll('[data-apitokens-day-end]')) end(el)
}

// Show the last moment of the day that is chosen in the date field.
function end(el) {
	const day = el.closest('fieldset').querySelector('[type=date]').value
	el.plain ??= el.textContent
	const time = day && here(day + 'T23:59:59Z')
	el.textContent = time ? el.dataset.apitokensDayEnd.replace('{time}', time) : el.plain
}

function start() {
	if (!timeZone || /^(Etc\/)?(UTC|GMT|Zulu)$/.test(timeZone)) return
	localize(document)
	new MutationObserver(list => {
		if (list.some(({addedNodes}) => [...addedNodes].some(node => node.nodeType === 1))) localize(document)
	}).observe(document, {childList: true, subtree: true})
	addEventListener('input', ({target}) => {
		const el = target.type === 'date' && target.closest('fieldset')?.querySelector('[data-apitokens-day-end]')
		if (el) end(el)
	}, true)
}

start()
}
