'use strict'
// Keep what a host's page sets for its own content away from ours. The pages work without it.
if (!window[Symbol.for('apitokens-host')]) {
window[Symbol.for('apitokens-host')] = true

// Return the field that a line of the error summary names; of a group the chosen option, or the first.
function fieldOf(link) {
	const part = document.getElementById(link.hash.slice(1))
	if (!part || part.matches('input, select, textarea')) return part
	return part.querySelector(':checked') || part.querySelector('input')
}

// Because of a host's <base href> the link of a dialog would leave the page.
addEventListener('click', event => {
	const link = event.target.closest?.('#at-errsum a'), field = link && fieldOf(link)
	if (!field) return
	event.preventDefault()
	const details = field.closest('details')
	if (details) details.open = true
	field.focus()
}, true)
}
