package certificate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOrdered_ChoosesNames(t *testing.T) {
	c := standInConfig(t, "example.org", "*.club.org", "box.lan")
	c.DNS = &DNS{Provider: "desec", Credentials: "token"}
	c.Allowed = []string{"*.friends.org", "one.org"}
	c.Except = func(name string) bool { return name == "files.friends.org" }
	o := openAt(t, c, newStandIn(t))
	defer o.cache.Stop()
	hosts := func(names ...string) (all []Host) {
		for _, n := range names {
			all = append(all, Host{Name: n})
		}
		return all
	}
	o.SetHosts(hosts("192.168.1.2", "a.b.club.org", "a.friends.org", "b.a.friends.org", "example.org", "files.friends.org", "friends.org", "nas.club.org",
		"my_app.friends.org", "one.org", "other.org", "tv.example.org"))
	if want := []string{"*.club.org", "a.b.club.org", "a.friends.org", "b.a.friends.org", "example.org", "one.org"}; !slices.Equal(o.wanted, want) {
		t.Errorf("wanted are %v, want %v", o.wanted, want)
	}
	home := "no public certificate authority issues for names and addresses of home networks"
	foreign := "no --domain or --allow-domain covers it"
	want := map[string][2]string{
		"192.168.1.2":        {foreign, "run: gateway up --domain 'example.org,*.club.org,box.lan,192.168.1.2'"},
		"box.lan":            {home, "add --internal-ca to gateway up"},
		"friends.org":        {foreign, "run: gateway up --domain 'example.org,*.club.org,box.lan,friends.org', or: gateway up --allow-domain '*.friends.org,one.org,friends.org'"},
		"other.org":          {foreign, "run: gateway up --domain 'example.org,*.club.org,box.lan,other.org', or: gateway up --allow-domain '*.friends.org,one.org,other.org'"},
		"tv.example.org":     {foreign, "run: gateway up --domain 'example.org,*.club.org,box.lan,tv.example.org', or: gateway up --allow-domain '*.friends.org,one.org,*.example.org'"},
		"my_app.friends.org": {"no public certificate authority issues for names with _", "give the route a host without it, or cover the host by a wildcard of --domain"},
	}
	for _, s := range o.States() {
		if s.Phase != Refused {
			continue
		}
		if got := [2]string{s.Error, s.Fix}; got != want[s.Name] {
			t.Errorf("%s is refused: %q, want %q", s.Name, got, want[s.Name])
		}
		delete(want, s.Name)
	}
	if len(want) != 0 {
		t.Errorf("not refused: %v", want)
	}

	o.SetHosts(hosts("one.org"))
	if want := []string{"*.club.org", "example.org", "one.org"}; !slices.Equal(o.wanted, want) {
		t.Errorf("after the hosts are gone, wanted are %v, want %v", o.wanted, want)
	}
	if len(o.entries) != 3 {
		t.Errorf("%d names are kept", len(o.entries))
	}
}

func TestOrdered_LimitsHostsOfRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newStandIn(t)
		c := standInConfig(t, "example.org")
		c.Allowed, c.MaxNames = []string{"*.example.org"}, 45
		var hosts []Host
		for i := range 50 {
			hosts = append(hosts, Host{Name: fmt.Sprintf("h%02d.example.org", i)})
		}
		count := func(o *Ordered) map[Phase]int {
			n := map[Phase]int{}
			for _, s := range o.States() {
				n[s.Phase]++
			}
			return n
		}
		o := openAt(t, c, a)
		o.SetHosts(hosts)
		stop := begin(t, o)
		if n := count(o); n[Valid] != 21 || n[Refused] != 30 || a.orders() != 21 {
			t.Errorf("on the first day: %v", n)
		}
		s := stateIn(o, "h20.example.org")
		if s.Error != "20 new names today, the most in a day" || s.Fix != "wait, or cover the host by a wildcard of --domain" || time.Until(s.Next) != day {
			t.Errorf("the 21st: %+v", s)
		}
		after(23 * time.Hour)
		stop()
		// A restart forgets neither the day nor the names.
		o = openAt(t, c, a)
		o.SetHosts(hosts)
		stop = begin(t, o)
		if n := count(o); n[Valid] != 21 {
			t.Errorf("after a restart: %v", n)
		}
		after(2 * time.Hour)
		if n := count(o); n[Valid] != 41 {
			t.Errorf("on the second day: %v", n)
		}
		// Hosts that come and go are no new names.
		o.SetHosts(nil)
		after(30 * time.Hour)
		if n := count(o); n[Valid] != 1 || len(o.States()) != 1 || o.Lookup("h00.example.org") != nil {
			t.Errorf("without a table: %v", n)
		}
		orders := a.orders()
		o.SetHosts(hosts)
		synctest.Wait()
		if n := count(o); n[Valid] != 46 || a.orders() != orders+5 {
			t.Errorf("back again: %v, %d new orders", n, a.orders()-orders)
		}
		s = stateIn(o, "h45.example.org")
		if s.Error != "45 hosts of routes have certificates, the most allowed" || s.Fix != "raise --max-names, or cover the host by a wildcard of --domain" {
			t.Errorf("the 46th: %+v", s)
		}
		stop()
	})
}

func TestOrdered_RenewNamesWhatItDoesNotKnow(t *testing.T) {
	o := openAt(t, standInConfig(t, "example.org"), newStandIn(t))
	defer o.cache.Stop()
	if err := o.Renew("other.org", true); err == nil || err.Error() != "other.org: no certificate of that name" {
		t.Error(err)
	}
}

// What the disk says later does not matter: a file that cannot be read for a moment makes no name a new one.
func TestOrdered_ReadsNamesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := standInConfig(t, "example.org")
		c.Allowed = []string{"*.example.org"}
		o := openAt(t, c, newStandIn(t))
		defer o.cache.Stop()
		var hosts []Host
		for i := range 2 * newNames {
			hosts = append(hosts, Host{Name: fmt.Sprintf("h%02d.example.org", i)})
		}
		o.SetHosts(hosts[:newNames])
		after(day)
		o.SetHosts(hosts)
		if err := os.WriteFile(filepath.Join(c.Folder, "names.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		o.SetHosts(hosts)
		if len(o.wanted) != 1+2*newNames {
			t.Errorf("%d names are left", len(o.wanted))
		}
	})
}

// A certificate from a file that comes or ends changes what is ordered, without a new table.
func TestOrdered_FollowsOtherCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there atomic.Bool
		there.Store(true)
		c := standInConfig(t, "example.org")
		c.Except = func(string) bool { return there.Load() }
		o := openAt(t, c, newStandIn(t))
		defer begin(t, o)()
		if len(o.States()) != 0 {
			t.Errorf("ordered beside a file: %+v", o.States())
		}
		there.Store(false)
		after(tick + time.Second)
		if s := stateIn(o, "example.org"); s.Phase != Valid {
			t.Errorf("without the file: %+v", s)
		}
	})
}
