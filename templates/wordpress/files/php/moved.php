<?php
// Run by `gateway move`, in the container `cron`, after the site was moved to another path:
//
//     php /opt/gateway/moved.php /OLD /NEW
//
// What people wrote holds links with the old path, and .htaccess holds rewrite rules with it. This puts the new path in
// place in all texts of the site's tables, and leaves alone what does not belong to the site. A second run finds nothing.

if (PHP_SAPI !== 'cli' || count($argv) !== 3) {
    fwrite(STDERR, "usage: php moved.php /OLD /NEW\n");
    exit(2);
}
if (!is_file('wp-config.php')) {
    exit("WordPress is not set up yet: nothing to do\n");
}
$_SERVER['SERVER_SOFTWARE'] = 'Apache';
// The installer's mode: no plugins and no themes, whose code may do anything, and no redirect to the installer.
define('WP_INSTALLING', true);
require getcwd() . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/file.php';
require ABSPATH . 'wp-admin/includes/misc.php';

/** Links of one site, moved from one path to another. */
final class Move
{
    private string $pattern;

    public function __construct(private string $old, private string $new, array $hosts)
    {
        $slash = '(?:/|\\\\/)';
        $path = str_replace('/', $slash, preg_quote($old, '~'));
        $hosts = implode('|', array_map(fn ($host) => preg_quote($host, '~'), $hosts));
        // What may come behind the path: its end, or more of it.
        $end = '(?=[/\\\\?#"\'<>\s)&,\]]|$)';
        $this->pattern = "~((?:https?:)?$slash$slash(?:$hosts))$path$end";
        if ($old === '') {
            // Other projects live below / too: only what WordPress itself makes is ours for sure.
            $this->pattern .= "(?=$slash?(?:[?#\"'<>\s)]|$|wp-|index\\.php|feed|category|tag|author|page|[0-9]{4}$slash))";
        } else {
            // A link without a host, at the beginning of an attribute or of a CSS url().
            $this->pattern .= "|(?<=[\"'(])()$path(?=$slash|[\"')?#])";
        }
        $this->pattern .= '~';
    }

    /** Anything that may be in a field: a text, or a value of serialize(), which counts the bytes of its texts. */
    public function field(string $text): string
    {
        if (!is_serialized($text)) {
            return $this->text($text);
        }
        $value = @unserialize($text, ['allowed_classes' => false]);
        return $value === false ? $text : serialize($this->value($value));
    }

    private function value(mixed $value): mixed
    {
        if (is_array($value)) {
            return array_map($this->value(...), $value);
        }
        // Objects are left alone: what their classes make of a change is not known.
        return is_string($value) ? $this->field($value) : $value;
    }

    private function text(string $text): string
    {
        return preg_replace_callback($this->pattern, function (array $found) {
            $escaped = str_contains($found[0], '\\/');
            return $found[1] . ($escaped ? str_replace('/', '\\/', $this->new) : $this->new);
        }, $text) ?? $text;
    }
}

/** All hosts that the site was served under, as far as the database knows. */
function hosts(): array
{
    global $wpdb;
    $urls = $wpdb->get_col("SELECT option_value FROM $wpdb->options WHERE option_name IN ('home', 'siteurl')");
    $urls[] = (string) getenv('GATEWAY_SITE');
    foreach ($wpdb->get_col("SELECT DISTINCT SUBSTRING_INDEX(guid, '/', 3) FROM $wpdb->posts") as $guid) {
        $urls[] = $guid;
    }
    $hosts = [];
    foreach ($urls as $url) {
        if ($host = parse_url($url, PHP_URL_HOST)) {
            $port = parse_url($url, PHP_URL_PORT);
            $hosts[] = $host . ($port ? ":$port" : '');
        }
    }
    return array_unique($hosts);
}

/** Changes the texts of one table, a thousand rows at a time, and counts the changed ones. */
function moveTable(Move $move, string $table): int
{
    global $wpdb;
    $key = null;
    $texts = [];
    foreach ($wpdb->get_results("SHOW COLUMNS FROM `$table`") as $column) {
        if ($column->Key === 'PRI') {
            $key = $key === null ? $column->Field : false;
        } elseif (preg_match('/char|text/', $column->Type) && $column->Field !== 'guid') {
            // A guid names a post for ever, for those who read feeds; it is no link.
            $texts[] = $column->Field;
        }
    }
    if (!$key || !$texts) {
        return 0;
    }
    $changed = 0;
    $fields = '`' . implode('`, `', [$key, ...$texts]) . '`';
    for ($last = null; ; ) {
        $where = $last === null ? '' : $wpdb->prepare("WHERE `$key` > %s", $last);
        $rows = $wpdb->get_results("SELECT $fields FROM `$table` $where ORDER BY `$key` LIMIT 1000", ARRAY_A);
        if (!$rows) {
            return $changed;
        }
        foreach ($rows as $row) {
            $last = $row[$key];
            $edits = [];
            foreach ($texts as $text) {
                $moved = $row[$text] === null ? null : $move->field($row[$text]);
                if ($moved !== $row[$text]) {
                    $edits[$text] = $moved;
                }
            }
            if ($edits && $wpdb->update($table, $edits, [$key => $last]) !== false) {
                $changed++;
            }
        }
    }
}

if (!is_blog_installed()) {
    exit("WordPress is not set up yet: nothing to do\n");
}
$move = new Move(rtrim($argv[1], '/'), rtrim($argv[2], '/'), hosts());
$changed = 0;
foreach ($wpdb->get_col($wpdb->prepare('SHOW TABLES LIKE %s', $wpdb->esc_like($wpdb->prefix) . '%')) as $table) {
    $changed += moveTable($move, $table);
}
// home and siteurl are said by the request; what the database keeps is for cron, which has none.
foreach (['home', 'siteurl'] as $option) {
    $url = $wpdb->get_var($wpdb->prepare("SELECT option_value FROM $wpdb->options WHERE option_name = %s", $option));
    if (preg_match('~^https?://[^/]+~', (string) $url, $found)) {
        $wpdb->update($wpdb->options, ['option_value' => $found[0] . rtrim($argv[2], '/')], ['option_name' => $option]);
    }
}
wp_cache_flush();
$wp_rewrite->init();
if ($wp_rewrite->using_mod_rewrite_permalinks() && !save_mod_rewrite_rules()) {
    fwrite(STDERR, "the rewrite rules could not be written to .htaccess; save Settings > Permalinks once\n");
}
echo "moved the links in $changed rows\n";
