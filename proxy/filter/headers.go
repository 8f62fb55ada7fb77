package filter

import (
	"slices"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// responseHeaders edits the header of final responses as labels say.
type responseHeaders struct {
	edits []route.HeaderEdit
}

func newResponseHeaders(edits []route.HeaderEdit) Filter {
	if len(edits) == 0 {
		return Filter{}
	}
	return Filter{Response: responseHeaders{edits}.response}
}

// response edits the header of a final response. The gateway's own pages keep the fields that they have: a policy that is
// meant for the app would break them.
func (f responseHeaders) response(r *Request, h *header.Header) {
	if !r.Final() {
		return
	}
	for i := range f.edits {
		edit := &f.edits[i]
		_, there := h.Lookup(edit.Name)
		switch {
		case there && r.Own && !edit.Add:
			continue
		case there && !edit.Add:
			*h = slices.DeleteFunc(*h, func(f header.Field) bool { return header.EqualFold(f.Name, edit.Name) })
		}
		if edit.Value != "" {
			h.Append(header.KindOf(edit.Name), edit.Name, edit.Value)
		}
	}
}
