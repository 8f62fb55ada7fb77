<?php
// The health check of the container `wordpress`, run in the site's folder: WordPress has its files, its settings and its
// database. No plugin and no theme has a hand in it.
$ready = false;
// WordPress ends with success when it says that there is no database.
register_shutdown_function(function () {
    exit($GLOBALS['ready'] ? 0 : 1);
});
define('SHORTINIT', true);
require getcwd() . '/wp-load.php';
$ready = $wpdb->get_var('SELECT 1') === '1';
