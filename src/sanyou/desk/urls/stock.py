"""Stores, consignments, counts, batches, and handing out in one sitting."""

from django.urls import URLPattern, path

from sanyou.desk.views import stock, stock_hand_out, stock_moves, stock_print

urlpatterns: list[URLPattern] = [
    path("stock", stock.stock, name="stock"),
    path("stock/open", stock.open_store, name="stock-open"),
    path("stock/stores/<int:pk>", stock.store, name="stock-store"),
    path("stock/stores/<int:pk>/receive", stock_moves.receive, name="stock-receive"),
    path("stock/stores/<int:pk>/send", stock_moves.send, name="stock-send"),
    path("stock/stores/<int:pk>/count", stock_moves.count, name="stock-count"),
    path("stock/stores/<int:pk>/write-off", stock_moves.write_off, name="stock-write-off"),
    path("stock/stores/<int:pk>/ledger", stock_print.ledger, name="stock-ledger"),
    path("stock/stores/<int:pk>/ledger/export", stock_print.export, name="stock-ledger-export"),
    path("stock/transfers/<uuid:key>", stock_moves.transfer, name="stock-transfer"),
    path("stock/differences/<int:pk>/settle", stock_moves.settle, name="stock-settle"),
    path("stock/counts/<uuid:key>", stock_print.count_sheet, name="stock-count-sheet"),
    path("stock/batches/<uuid:key>", stock.batch, name="stock-batch"),
    path("stock/batches/<uuid:key>/recall", stock.recall, name="stock-recall"),
    path(
        "stock/hand-out/<uuid:key>/<slug:programme_id>",
        stock_hand_out.hand_out,
        name="stock-hand-out",
    ),
    path(
        "stock/hand-out/<uuid:key>/<slug:programme_id>/questions",
        stock_hand_out.questions,
        name="stock-questions",
    ),
    path("stock/returned/<uuid:key>", stock_hand_out.returned, name="stock-returned"),
]
