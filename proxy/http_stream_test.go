package proxy

import (
	"testing"

	"gateway/proxy/admin"
	"gateway/proxy/request"
)

func TestHTTP_PassesEventsAtOnce(t *testing.T) {
	p, o := staged(t)
	for _, head := range []string{
		"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	} {
		v := p.call(t)
		v.send(get("/events", "Connection: close"))
		target := o.next(t)
		target.request()
		target.send(head)
		// The head comes before there is any event.
		m := v.head()
		if m.value("Transfer-Encoding") != "chunked" {
			t.Fatalf("head %q", m.fields)
		}
		for _, event := range []string{"data: 1\n\n", "data: two\n\n", "\n"} {
			target.send(chunk(event))
			// The target has sent this much and no more.
			v.expect(chunk(event))
		}
		target.send(chunk(""))
		v.expect(chunk(""))
		v.ended()
		_ = target.Close()
	}
}

func TestHTTP_PassesPiecesOfAnswersAtOnce(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/x"))
	target := o.next(t)
	target.request()
	target.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
	v.head()
	for _, piece := range []string{"one", "two", "end"} {
		target.send(piece)
		v.expect(piece)
	}
	v.still()
}

func TestHTTP_PassesPiecesOfRequestsAtOnce(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/x", "", "Content-Length: 9"))
	target := o.next(t)
	target.head()
	for _, piece := range []string{"one", "two", "end"} {
		v.send(piece)
		target.expect(piece)
	}
	target.send(ok("done"))
	v.wants("POST", 200, "done")
}

func TestHTTP_PassesChunksOfRequestsAtOnce(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/x", "", "Transfer-Encoding: chunked"))
	target := o.next(t)
	target.head()
	for _, piece := range []string{"one", "two", "end"} {
		v.send(chunk(piece))
		target.expect(chunk(piece))
	}
	v.send(chunk(""))
	target.expect(chunk(""))
	target.send(ok("done"))
	v.wants("POST", 200, "done")
	v.still()
}

func TestHTTP_BreaksOffWhereTheTargetDoes(t *testing.T) {
	p, o := staged(t)
	for _, head := range []string{"Content-Length: 100", "Transfer-Encoding: chunked"} {
		for _, reset := range []bool{false, true} {
			v := p.call(t)
			v.send(get("/x") + get("/never"))
			target := o.next(t)
			target.request()
			target.send("HTTP/1.1 200 OK\r\n" + head + "\r\n\r\n" + chunk("first"))
			v.expect("HTTP/1.1 200 OK\r\n")
			if reset {
				_ = target.SetLinger(0)
			}
			_ = target.Close()
			fields, err := readFields(v.r)
			if err != nil {
				t.Fatal(err)
			}
			m := message{start: "HTTP/1.1 200 OK", fields: fields}
			end, err := m.framing(endClose)
			if err != nil {
				t.Fatal(err)
			}
			if err = m.readBody(v.r, &m.body, end); err == nil || isTimeout(err) {
				t.Errorf("%s, reset %v: the answer passes for whole: %v", head, reset, err)
			}
		}
	}
	o.unused(t)
}

func TestHTTP_LeavesTheTargetWhenItsClientLeft(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(get("/x"))
	target := o.next(t)
	target.request()
	// One that closes cannot be told at once from one that ended its side and waits.
	vanish(v.TCPConn)
	target.ended()
	eventually(t, "it is noted as gone", func() bool {
		last, _ := p.Requests("/")
		return len(last) == 1 && last[0].Status == request.StatusGone
	})
	o.unused(t)
}

func TestHTTP_ShowsTheTargetThatABodyBrokeOff(t *testing.T) {
	p, o := staged(t)
	for _, reset := range []bool{false, true} {
		for _, request := range []string{
			ask("POST", "/x", "first", "Content-Length: 100"),
			ask("POST", "/x", chunk("first"), "Transfer-Encoding: chunked"),
		} {
			v := p.call(t)
			v.send(request)
			target := o.next(t)
			m := target.head()
			end, err := m.framing(0)
			if err != nil {
				t.Fatal(err)
			}
			if reset {
				_ = v.SetLinger(0)
			}
			_ = v.Close()
			if err = m.readBody(target.r, &m.body, end); err == nil || isTimeout(err) {
				t.Errorf("%q, reset %v: the request passes for whole: %q, %v", request, reset, &m.body, err)
			}
		}
	}
}

func TestHTTP_NotesWhatItSent(t *testing.T) {
	p, o := staged(t)
	v := p.call(t)
	v.send(ask("POST", "/x?secret", "body"))
	o.asked(t, "POST /x?secret", "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"+chunk("twelve bytes")+chunk(""))
	v.wants("POST", 201, "twelve bytes")
	var last []admin.Request
	eventually(t, "the request is noted", func() bool { last, _ = p.Requests("/"); return len(last) == 1 })
	if got := last[0]; got.Status != 201 || got.Bytes != 12 || got.Method != "POST" || got.Path != "/x" || got.Target != "origin" {
		t.Errorf("noted %+v", got)
	}
}
