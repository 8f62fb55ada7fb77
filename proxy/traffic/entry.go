package traffic

import "gateway/proxy/admin"

// entry is one remembered request. Its memory is used again for the next.
type entry struct {
	// request has none of the strings that were borrowed: they stand in text behind each other, up to these ends.
	request          admin.Request
	text             []byte
	idEnd, methodEnd int
}

// write remembers the request.
func (e *entry) write(r *admin.Request) {
	e.request = *r
	e.request.ID, e.request.Method, e.request.Path = "", "", ""
	e.text = append(e.text[:0], clip(r.ID, maxID)...)
	e.idEnd = len(e.text)
	e.text = append(e.text, clip(r.Method, maxMethod)...)
	e.methodEnd = len(e.text)
	e.text = append(e.text, clip(r.Path, maxPath)...)
}

func clip(s string, most int) string { return s[:min(len(s), most)] }

// read returns what is remembered.
func (e *entry) read() admin.Request {
	r := e.request
	text := string(e.text)
	r.ID, r.Method, r.Path = text[:e.idEnd], text[e.idEnd:e.methodEnd], text[e.methodEnd:]
	return r
}
